-- Hotels by their addresses, as hub_auth: who comes here has no tenant yet.

-- name: find_tenant (read)
-- The hotel whose own domain is $1, or else whose short name is $2.
SELECT tenant_id, name, slug, locale, state FROM app.find_tenant($1, $2);
