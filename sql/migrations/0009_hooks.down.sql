DROP FUNCTION app.prune_deliveries(uuid, timestamptz, integer);
DROP FUNCTION app.claim_deliveries(boolean, uuid[], uuid[], uuid[], integer, integer, interval);
DROP FUNCTION app.raise_alerts(uuid, boolean, integer);
DROP FUNCTION app.alerts_due(interval);
DROP VIEW app.order_alerts;
DROP TABLE app.deliveries;
DROP TABLE app.webhooks;
