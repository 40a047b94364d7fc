-- Pictures of a hotel's menu and pages.

-- name: insert_file (write)
-- Keeps a picture; the database refuses what goes over the plan.
INSERT INTO app.files (tenant_id, id, name, media_type, content)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, id) DO NOTHING;

-- name: file (read, replica)
-- A picture for whoever knows its address, while its hotel is served.
SELECT f.media_type, f.content
FROM app.files AS f
JOIN app.tenants AS t ON t.id = f.tenant_id
WHERE f.tenant_id = $1 AND f.id = $2 AND f.deleted_at IS NULL
    AND app.tenant_state(t.status, t.contract_start, t.contract_end, t.time_zone) = 'active';

-- name: delete_file (write)
-- Empties a picture, so that it counts no longer.
UPDATE app.files SET deleted_at = now(), content = ''
WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL;
