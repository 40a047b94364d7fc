-- Retention, as hub_relay: through functions that can delete what is old, and nothing else.

-- name: now (read)
-- The database's clock.
SELECT now();

-- name: tenants (read)
-- Every tenant that has a log.
SELECT tenant_id FROM app.tenant_heads ORDER BY tenant_id;

-- name: prune_events (write)
-- Deletes at most $3 events of a tenant written before $2 and raises its floor; the number deleted.
SELECT app.prune_events($1, $2, $3);

-- name: prune_operations (write)
-- Deletes at most $3 answers of operations of a tenant that were given before $2; the number deleted.
SELECT app.prune_operations($1, $2, $3);

-- name: prune_sign_ins (write)
-- Deletes at most $3 of each: sign-ins of a tenant that were over before $2, refresh tokens, codes and phones of then; the
-- number deleted.
SELECT app.prune_sign_ins($1, $2, $3);

-- name: erase_guests (write)
-- Empties what at most $3 stays of a tenant that ended before $2, and $3 of their orders, say of their guests; the number
-- emptied.
SELECT app.erase_guests($1, $2, $3);

-- name: prune_deliveries (write)
-- Deletes at most $3 deliveries of a tenant that were made before $2; the number deleted.
SELECT app.prune_deliveries($1, $2, $3);

-- name: make_audit_partitions (write)
-- Makes the partitions of the audit for this month and the $1 next ones; the number made.
SELECT app.make_audit_partitions($1);

-- name: drop_audit_partitions (write)
-- Drops the partitions of the audit whose months were over before $1; the number dropped.
SELECT app.drop_audit_partitions($1);
