-- The people of a hotel: their sign-ins, sessions and codes. The platform is a hotel of its own here.

-- name: account_by_email (read)
-- The account with one of these indexes of an e-mail address.
SELECT
    p.id, p.name, p.role, p.permissions, p.access_version, p.is_active, p.email_verified, p.password_hash,
    p.failed_login_attempts AS failures, p.locked_until, p.totp_encrypted AS totp, p.totp_enabled, p.totp_last_step,
    p.recovery_hashes, p.email_encrypted AS email
FROM app.staff AS p
WHERE p.tenant_id = $1 AND p.email_index = ANY ($2::bytea[]) AND p.deleted_at IS NULL
LIMIT 1;

-- name: account (read)
-- One account.
SELECT
    p.id, p.name, p.role, p.permissions, p.access_version, p.is_active, p.email_verified, p.password_hash,
    p.failed_login_attempts AS failures, p.locked_until, p.totp_encrypted AS totp, p.totp_enabled, p.totp_last_step,
    p.recovery_hashes, p.email_encrypted AS email
FROM app.staff AS p
WHERE p.tenant_id = $1 AND p.id = $2 AND p.deleted_at IS NULL;

-- name: lock_account (write)
-- One account, which nobody else changes until the end of the transaction.
SELECT
    p.id, p.name, p.role, p.permissions, p.access_version, p.is_active, p.email_verified, p.password_hash,
    p.failed_login_attempts AS failures, p.locked_until, p.totp_encrypted AS totp, p.totp_enabled, p.totp_last_step,
    p.recovery_hashes, p.email_encrypted AS email
FROM app.staff AS p
WHERE p.tenant_id = $1 AND p.id = $2 AND p.deleted_at IS NULL
FOR NO KEY UPDATE;

-- name: count_failure (write)
-- Writes down how often in a row a sign-in has failed, and until when the account is locked.
UPDATE app.staff SET failed_login_attempts = $3, locked_until = $4 WHERE tenant_id = $1 AND id = $2;

-- name: unlock (write)
-- Forgets the failures of an account.
UPDATE app.staff SET failed_login_attempts = 0, locked_until = NULL WHERE tenant_id = $1 AND id = $2;

-- name: signed_in (write)
-- Forgets the failures, notes the moment, and what was used up of the second factor.
UPDATE app.staff
SET failed_login_attempts = 0, locked_until = NULL, last_login_at = $3, totp_last_step = $4, recovery_hashes = $5
WHERE tenant_id = $1 AND id = $2;

-- name: rehash (write)
-- The same password under a hash of another cost, unless it was changed meanwhile.
UPDATE app.staff SET password_hash = $4 WHERE tenant_id = $1 AND id = $2 AND password_hash = $3;

-- name: set_password (write)
-- A new password; whoever could read the mail for it has proven the address as well.
UPDATE app.staff
SET password_hash = $3, password_changed_at = $4, email_verified = email_verified OR $5,
    failed_login_attempts = 0, locked_until = NULL
WHERE tenant_id = $1 AND id = $2;

-- name: verify_email (write)
-- The address is the person's own.
UPDATE app.staff SET email_verified = true WHERE tenant_id = $1 AND id = $2 AND NOT email_verified;

-- name: set_pin (write)
-- A new PIN for shared kitchen screens.
UPDATE app.staff SET pin_hash = $3, failed_pin_attempts = 0, pin_locked_until = NULL
WHERE tenant_id = $1 AND id = $2;

-- name: begin_totp (write)
-- A secret that counts only when it is confirmed.
UPDATE app.staff SET totp_encrypted = $3, totp_last_step = NULL
WHERE tenant_id = $1 AND id = $2 AND NOT totp_enabled;

-- name: confirm_totp (write)
-- The second factor counts from now on; tokens that do not know it must be renewed.
UPDATE app.staff
SET totp_enabled = true, totp_last_step = $3, recovery_hashes = $4, access_version = access_version + 1
WHERE tenant_id = $1 AND id = $2;

-- name: end_totp (write)
-- No second factor any more.
UPDATE app.staff
SET totp_enabled = false, totp_encrypted = NULL, totp_last_step = NULL, recovery_hashes = '{}',
    access_version = access_version + 1
WHERE tenant_id = $1 AND id = $2;

-- name: hotel_by_slug (read)
-- A hotel by its short name, for an operator.
SELECT t.id FROM app.tenants AS t WHERE t.slug = $1;

-- name: hotel (read)
-- What a letter says of the hotel.
SELECT t.name, t.slug, t.locale FROM app.tenants AS t WHERE t.id = $1;

-- name: add_session (write)
-- A sign-in.
INSERT INTO app.staff_sessions (tenant_id, id, staff_id, second_factor, ip, user_agent, expires_at)
VALUES ($1, $2, $3, $4, $5::text::inet, $6, $7);

-- name: session (read)
-- A sign-in with its person and hotel.
SELECT
    s.id, s.staff_id, s.second_factor, s.expires_at, s.ended_at IS NOT NULL AS ended, p.name, p.role, p.permissions,
    p.access_version, p.is_active AND p.deleted_at IS NULL AS employed, p.totp_enabled,
    p.role = ANY (t.totp_roles) AS required, t.name AS hotel_name, t.slug AS hotel_slug,
    app.tenant_state(t.status, t.contract_start, t.contract_end, t.time_zone) AS hotel_state
FROM app.staff_sessions AS s
JOIN app.staff AS p ON p.tenant_id = s.tenant_id AND p.id = s.staff_id
JOIN app.tenants AS t ON t.id = s.tenant_id
WHERE s.tenant_id = $1 AND s.id = $2;

-- name: lock_refresh (write)
-- A refresh token; its session is locked, so that two of its tokens are judged one after the other.
SELECT r.session_id, s.staff_id
FROM app.refresh_tokens AS r
JOIN app.staff_sessions AS s ON s.tenant_id = r.tenant_id AND s.id = r.session_id
WHERE r.tenant_id = $1 AND r.token_hash = $2
FOR UPDATE OF s;

-- name: refresh_token (read)
-- When a refresh token was made and used.
SELECT r.created_at AS made_at, r.used_at FROM app.refresh_tokens AS r WHERE r.tenant_id = $1 AND r.token_hash = $2;

-- name: use_refresh_tokens (write)
-- Every refresh token of a session is used up: the one that came, and siblings that nobody got.
UPDATE app.refresh_tokens SET used_at = $3 WHERE tenant_id = $1 AND session_id = $2 AND used_at IS NULL;

-- name: add_refresh_token (write)
-- The next refresh token of a session.
INSERT INTO app.refresh_tokens (tenant_id, token_hash, session_id, created_at) VALUES ($1, $2, $3, $4);

-- name: end_session (write)
-- Ends one sign-in.
UPDATE app.staff_sessions SET ended_at = $3, end_reason = $4 WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL;

-- name: end_sessions (write)
-- Ends every sign-in of a person but one; none is spared when that is null.
UPDATE app.staff_sessions SET ended_at = $3, end_reason = $4
WHERE tenant_id = $1 AND staff_id = $2 AND ended_at IS NULL AND id IS DISTINCT FROM $5::uuid;

-- name: prove_session (write)
-- Whether a sign-in was made with a second factor.
UPDATE app.staff_sessions SET second_factor = $3 WHERE tenant_id = $1 AND id = $2;

-- name: sessions_of (read)
-- The sign-ins of a person that are good, newest first.
SELECT s.id, s.created_at, s.expires_at, host(s.ip) AS ip, s.user_agent, s.second_factor
FROM app.staff_sessions AS s
WHERE s.tenant_id = $1 AND s.staff_id = $2 AND s.ended_at IS NULL AND s.expires_at > $3
ORDER BY s.created_at DESC, s.id DESC;

-- name: owner_of_session (read)
-- Whose sign-in it is, as long as it is good.
SELECT s.staff_id FROM app.staff_sessions AS s
WHERE s.tenant_id = $1 AND s.id = $2 AND s.ended_at IS NULL AND s.expires_at > $3;

-- name: add_code (write)
-- A code that goes out by mail.
INSERT INTO app.staff_codes (tenant_id, code_hash, staff_id, purpose, expires_at) VALUES ($1, $2, $3, $4, $5);

-- name: code (read)
-- Whose code it is, as long as it is good.
SELECT c.staff_id
FROM app.staff_codes AS c
JOIN app.staff AS p ON p.tenant_id = c.tenant_id AND p.id = c.staff_id AND p.is_active AND p.deleted_at IS NULL
WHERE c.tenant_id = $1 AND c.code_hash = $2 AND c.purpose = $3 AND c.used_at IS NULL AND c.expires_at > $4;

-- name: use_code (write)
-- Uses a code up; no row when somebody else has done so.
UPDATE app.staff_codes SET used_at = $3 WHERE tenant_id = $1 AND code_hash = $2 AND used_at IS NULL;

-- name: void_codes (write)
-- No code of a person is good any more.
UPDATE app.staff_codes SET used_at = $3 WHERE tenant_id = $1 AND staff_id = $2 AND used_at IS NULL;

-- name: people (read)
-- Everybody of the hotel, by name.
SELECT
    p.id, p.name, p.email_encrypted AS email, p.role, p.permissions, p.is_active, p.email_verified, p.totp_enabled,
    p.pin_hash IS NOT NULL AS has_pin, p.locked_until, p.last_login_at, p.created_at
FROM app.staff AS p
WHERE p.tenant_id = $1 AND p.deleted_at IS NULL
ORDER BY p.name, p.id;

-- name: person (read)
-- One person of the hotel.
SELECT
    p.id, p.name, p.email_encrypted AS email, p.role, p.permissions, p.is_active, p.email_verified, p.totp_enabled,
    p.pin_hash IS NOT NULL AS has_pin, p.locked_until, p.last_login_at, p.created_at
FROM app.staff AS p
WHERE p.tenant_id = $1 AND p.id = $2 AND p.deleted_at IS NULL;

-- name: add_person (write)
-- A new person.
INSERT INTO app.staff (
    tenant_id, id, email_index, email_encrypted, password_hash, name, role, permissions, email_verified
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: change_person (write)
-- What a manager says of a person.
UPDATE app.staff SET name = $3, role = $4, permissions = $5, is_active = $6 WHERE tenant_id = $1 AND id = $2;

-- name: change_email (write)
-- Another address, which is yet to be proven.
UPDATE app.staff SET email_index = $3, email_encrypted = $4, email_verified = false WHERE tenant_id = $1 AND id = $2;

-- name: remove_person (write)
-- The row stays, for what the person did.
UPDATE app.staff SET is_active = false, deleted_at = $3 WHERE tenant_id = $1 AND id = $2;

-- name: lock_managers (write)
-- Those of a role who can sign in, which nobody changes until the end of the transaction.
SELECT p.id FROM app.staff AS p
WHERE p.tenant_id = $1 AND p.role = $2 AND p.is_active AND p.email_verified AND p.deleted_at IS NULL
ORDER BY p.id
FOR NO KEY UPDATE;
