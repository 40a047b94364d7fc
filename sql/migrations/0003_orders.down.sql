DROP VIEW app.order_documents;
DROP FUNCTION app.answer_operation(uuid, uuid, text);
DROP FUNCTION app.claim_operation(uuid, uuid, text, bytea);
DROP TABLE app.idempotency;
DROP TABLE app.order_counters;
DROP TABLE app.order_items;
DROP TABLE app.orders;
DROP FUNCTION app.prune_operations(uuid, timestamptz, integer);
DROP FUNCTION app.stamp_order();
