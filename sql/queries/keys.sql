-- Rotation of keys and re-encryption, as hub_admin.

-- name: hotels (read)
-- The hotels, the platform too; only that of a slug when one is given.
SELECT t.id, t.slug FROM app.tenants AS t WHERE $1::text IS NULL OR t.slug = $1 ORDER BY t.id;

-- name: all_signing_keys (read)
-- Every signing key, the one that signs now first.
SELECT
    k.kid, k.wrapped, k.signs_from, k.verifies_until, k.created_at,
    CASE
        WHEN k.verifies_until <= now() THEN 'over'
        WHEN k.signs_from > now() THEN 'next'
        WHEN k.signs_from = max(k.signs_from) FILTER (WHERE k.signs_from <= now()) OVER () THEN 'signs'
        ELSE 'verifies'
    END AS state
FROM app.signing_keys AS k
ORDER BY k.signs_from DESC, k.kid;

-- name: add_signing_key (write)
-- Adds a key that signs in $3 seconds.
INSERT INTO app.signing_keys (kid, wrapped, signs_from) VALUES ($1, $2, now() + make_interval(secs => $3));

-- name: limit_signing_keys (write)
-- Gives every key but the new one an end, in $2 seconds.
UPDATE app.signing_keys SET verifies_until = now() + make_interval(secs => $2)
WHERE kid <> $1 AND verifies_until IS NULL;

-- name: remove_signing_keys (write)
-- Removes the keys whose last token is over.
DELETE FROM app.signing_keys WHERE verifies_until < now();

-- name: rewrap_signing_key (write)
-- Puts a key in another wrapping, unless somebody else has.
UPDATE app.signing_keys SET wrapped = $3 WHERE kid = $1 AND wrapped = $2;

-- name: all_data_keys (read)
-- The data keys of a hotel, oldest first, and for how many seconds it must wait until all processes use the newest.
SELECT
    k.id, k.purpose, k.wrapped, k.retired_at, k.created_at,
    extract(epoch FROM max(k.created_at) OVER () - now())::double precision + $2 AS wait_seconds
FROM app.data_keys AS k
WHERE k.tenant_id = $1
ORDER BY k.created_at, k.id;

-- name: retire_data_keys (write)
-- The keys in use give way to newer ones; what they have sealed they still open.
UPDATE app.data_keys SET retired_at = now() WHERE tenant_id = $1 AND retired_at IS NULL;

-- name: insert_data_key (write)
-- Adds a key of a hotel.
INSERT INTO app.data_keys (tenant_id, id, purpose, wrapped) VALUES ($1, $2, $3, $4);

-- name: rewrap_data_key (write)
-- Puts a key in another wrapping, unless somebody else has.
UPDATE app.data_keys SET wrapped = $4 WHERE tenant_id = $1 AND id = $2 AND wrapped = $3;

-- name: remove_field_keys (write)
-- Removes retired keys that no text of the hotel is sealed with any more.
DELETE FROM app.data_keys AS k
WHERE k.tenant_id = $1 AND k.purpose = 'field' AND k.retired_at IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM (
            SELECT unnest(ARRAY[t.contact_email_encrypted, t.contact_phone_encrypted]) AS sealed
            FROM app.tenants AS t WHERE t.id = $1
            UNION ALL
            SELECT unnest(ARRAY[s.email_encrypted, s.totp_encrypted]) FROM app.staff AS s WHERE s.tenant_id = $1
            UNION ALL
            SELECT unnest(ARRAY[s.guest_name_encrypted, s.guest_phone_encrypted])
            FROM app.stays AS s WHERE s.tenant_id = $1
            UNION ALL
            SELECT w.secret_encrypted FROM app.webhooks AS w WHERE w.tenant_id = $1
        ) AS texts
        WHERE starts_with(texts.sealed, 'v1:' || replace(k.id::text, '-', '') || ':')
    );

-- name: remove_index_keys (write)
-- Removes the retired keys that are named.
DELETE FROM app.data_keys
WHERE tenant_id = $1 AND purpose = 'index' AND retired_at IS NOT NULL AND id = ANY ($2::uuid[]);

-- name: forget_pins (write)
-- Takes the PINs of a hotel's staff away.
UPDATE app.staff SET pin_hash = NULL, failed_pin_attempts = 0, pin_locked_until = NULL
WHERE tenant_id = $1 AND pin_hash IS NOT NULL;

-- name: sealed_rows (read)
-- How many rows of a hotel re-encryption looks at.
SELECT
    1 + (SELECT count(*) FROM app.staff AS s WHERE s.tenant_id = $1)
    + (SELECT count(*) FROM app.stays AS s WHERE s.tenant_id = $1)
    + (SELECT count(*) FROM app.webhooks AS w WHERE w.tenant_id = $1);

-- name: tenants_batch (read)
-- The hotel itself.
SELECT id, contact_email_encrypted, contact_phone_encrypted
FROM app.tenants WHERE id = $1 AND $2::uuid IS NULL LIMIT $3;

-- name: tenants_replace (write)
-- Writes the texts of the hotel that were sealed anew, unless it has changed meanwhile.
UPDATE app.tenants SET contact_email_encrypted = $3, contact_phone_encrypted = $4
WHERE id = $1 AND id = $2 AND contact_email_encrypted IS NOT DISTINCT FROM $5
    AND contact_phone_encrypted IS NOT DISTINCT FROM $6;

-- name: staff_batch (read)
-- The next members of staff, also those who were dismissed.
SELECT id, email_encrypted, email_index, totp_encrypted
FROM app.staff WHERE tenant_id = $1 AND id > coalesce($2, uuid '00000000-0000-0000-0000-000000000000')
ORDER BY id LIMIT $3;

-- name: staff_replace (write)
-- Writes the texts of one that were sealed anew, unless they have changed meanwhile.
UPDATE app.staff SET email_encrypted = $3, email_index = $4, totp_encrypted = $5
WHERE tenant_id = $1 AND id = $2 AND email_encrypted IS NOT DISTINCT FROM $6
    AND email_index IS NOT DISTINCT FROM $7 AND totp_encrypted IS NOT DISTINCT FROM $8;

-- name: stays_batch (read)
-- The next stays.
SELECT id, guest_name_encrypted, guest_phone_encrypted, guest_phone_index
FROM app.stays WHERE tenant_id = $1 AND id > coalesce($2, uuid '00000000-0000-0000-0000-000000000000')
ORDER BY id LIMIT $3;

-- name: stays_replace (write)
-- Writes the texts of one that were sealed anew, unless they have changed meanwhile.
UPDATE app.stays SET guest_name_encrypted = $3, guest_phone_encrypted = $4, guest_phone_index = $5
WHERE tenant_id = $1 AND id = $2 AND guest_name_encrypted IS NOT DISTINCT FROM $6
    AND guest_phone_encrypted IS NOT DISTINCT FROM $7 AND guest_phone_index IS NOT DISTINCT FROM $8;

-- name: webhooks_batch (read)
-- The next addresses that are told, also those that were deleted.
SELECT id, secret_encrypted
FROM app.webhooks WHERE tenant_id = $1 AND id > coalesce($2, uuid '00000000-0000-0000-0000-000000000000')
ORDER BY id LIMIT $3;

-- name: webhooks_replace (write)
-- Writes the secret of one that was sealed anew, unless it has changed meanwhile.
UPDATE app.webhooks SET secret_encrypted = $3
WHERE tenant_id = $1 AND id = $2 AND secret_encrypted IS NOT DISTINCT FROM $4;
