-- The ladder of orders that nobody sees or accepts, and what goes out of the house with it.

-- name: alerts_due (read)
-- The hotels that have a step due within $1, and in how many seconds.
SELECT tenant_id, seconds FROM app.alerts_due($1);

-- name: raise_alerts (write)
-- Takes the steps of hotel $1 that are due, for at most $3 orders; with $2 managers get a letter about the last one.
SELECT order_id, step FROM app.raise_alerts($1, $2, $3);

-- name: claim_deliveries (write)
-- Takes at most $6 deliveries that are due, letters or others as $1 says, one to each addressee who is neither among $2
-- nor, but for tests, among $3; with those under way, one for each of their hotels in $4, no hotel has more than $5; for
-- the time of $7.
SELECT tenant_id, id, webhook_id, staff_id, kind, payload, attempts, created_at
FROM app.claim_deliveries($1, $2, $3, $4, $5, $6, $7);

-- name: webhooks (read)
-- The addresses of a hotel, oldest first, each with what became of the last delivery that was tried.
SELECT
    w.id, w.url, w.events, w.description, w.is_active, w.created_at, last.kind, last.last_attempt_at, last.delivered_at,
    last.last_status, last.last_error
FROM app.webhooks AS w
LEFT JOIN LATERAL (
    SELECT d.kind, d.last_attempt_at, d.delivered_at, d.last_status, d.last_error
    FROM app.deliveries AS d
    WHERE d.tenant_id = w.tenant_id AND d.webhook_id = w.id AND d.last_attempt_at IS NOT NULL
    ORDER BY d.created_at DESC
    LIMIT 1
) AS last ON true
WHERE w.tenant_id = $1 AND w.deleted_at IS NULL
ORDER BY w.created_at, w.id;

-- name: lock_webhooks (write)
-- The addresses of a hotel, which nobody else changes until the end of the transaction.
SELECT w.id, w.url, w.events, w.description, w.is_active
FROM app.webhooks AS w
WHERE w.tenant_id = $1 AND w.deleted_at IS NULL
ORDER BY w.id
FOR NO KEY UPDATE;

-- name: lock_hotel (write)
-- The hotel, of which one transaction at a time counts addresses.
SELECT t.id FROM app.tenants AS t WHERE t.id = $1 FOR NO KEY UPDATE;

-- name: add_webhook (write)
-- A new address.
INSERT INTO app.webhooks (tenant_id, id, url, secret_encrypted, events, description, is_active)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: change_webhook (write)
-- What a manager says of an address.
UPDATE app.webhooks SET url = $3, events = $4, description = $5, is_active = $6
WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL;

-- name: delete_webhook (write)
-- An address is no longer told anything, and its secret is gone.
UPDATE app.webhooks SET deleted_at = now(), is_active = false, secret_encrypted = NULL
WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL;

-- name: drop_waiting (write)
-- What was still on its way to an address is not tried any more.
UPDATE app.deliveries SET next_attempt_at = NULL, last_error = 'not_wanted'
WHERE tenant_id = $1 AND webhook_id = $2 AND next_attempt_at IS NOT NULL;

-- name: add_test (write)
-- Something to try an address with, unless one is on its way to it already.
INSERT INTO app.deliveries (tenant_id, id, webhook_id, kind, payload)
SELECT $1, $2, $3, 'webhook.test', $4::text::json
WHERE NOT EXISTS (
    SELECT FROM app.deliveries AS d
    WHERE d.tenant_id = $1 AND d.webhook_id = $3 AND d.kind = 'webhook.test' AND d.next_attempt_at IS NOT NULL
);

-- name: deliveries (read)
-- The latest deliveries to an address, newest first.
SELECT
    d.id, d.kind, d.order_id, d.attempts, d.created_at, d.last_attempt_at, d.next_attempt_at, d.delivered_at,
    d.last_status, d.last_error
FROM app.deliveries AS d
WHERE d.tenant_id = $1 AND d.webhook_id = $2
ORDER BY d.created_at DESC
LIMIT $3;

-- name: addressee (read)
-- Where a delivery goes: an address that is still told, with its secret.
SELECT w.url, w.secret_encrypted
FROM app.webhooks AS w
WHERE w.tenant_id = $1 AND w.id = $2 AND w.is_active;

-- name: reader (read)
-- Who gets a letter, when he still may, and how the hotel is called.
SELECT p.name, p.email_encrypted AS email, t.name AS hotel, t.locale, t.time_zone
FROM app.staff AS p
JOIN app.tenants AS t ON t.id = p.tenant_id
WHERE p.tenant_id = $1 AND p.id = $2 AND p.role = 'manager' AND p.is_active AND p.email_verified
    AND p.deleted_at IS NULL;

-- name: delivered (write)
-- A delivery has arrived.
UPDATE app.deliveries
SET delivered_at = now(), next_attempt_at = NULL, last_status = $3, last_error = NULL
WHERE tenant_id = $1 AND id = $2 AND delivered_at IS NULL;

-- name: not_delivered (write)
-- A delivery has failed; it is tried again after $5, or never when that is null. One that was dropped meanwhile stays so.
UPDATE app.deliveries SET next_attempt_at = now() + $5::interval, last_status = $3, last_error = $4
WHERE tenant_id = $1 AND id = $2 AND delivered_at IS NULL AND next_attempt_at IS NOT NULL;

-- name: hurry (write)
-- What waits for an address that answers again is tried at once.
UPDATE app.deliveries SET next_attempt_at = now()
WHERE tenant_id = $1 AND webhook_id = $2 AND attempts > 0 AND next_attempt_at > now();
