-- The audit, as those who may read it see it: newest first, page by page.
--
-- A filter may be NULL, but each of the first three is made for one that is not, whose index it walks.

-- name: by_record (read, replica)
-- A page of one row, before a position and not before a moment.
SELECT
    a.id, a.created_at AS at, a.operation, a.table_name AS "table", a.record, a.user_id, a.user_role,
    coalesce(s.name, d.device_name) AS user_name, a.cook_id, c.name AS cook_name, a.changed, a.old::text AS old,
    a.new::text AS new, a.details::text AS details, host(a.ip) AS ip, a.user_agent, a.request_id
FROM app.audit_logs AS a
LEFT JOIN app.staff AS s ON s.tenant_id = a.tenant_id AND s.id = a.user_id
LEFT JOIN app.device_rooms AS d ON d.tenant_id = a.tenant_id AND d.id = a.user_id
LEFT JOIN app.staff AS c ON c.tenant_id = a.tenant_id AND c.id = a.cook_id
WHERE a.tenant_id = $1 AND (a.created_at, a.id) < ($2, $3) AND a.created_at >= $4
    AND ($5::text IS NULL OR a.table_name = $5)
    AND a.record = $6
    AND ($7::uuid IS NULL OR a.user_id = $7)
    AND ($8::text IS NULL OR a.operation = $8)
ORDER BY a.created_at DESC, a.id DESC
LIMIT $9;

-- name: by_user (read, replica)
-- A page of what one person or device did, before a position and not before a moment.
SELECT
    a.id, a.created_at AS at, a.operation, a.table_name AS "table", a.record, a.user_id, a.user_role,
    coalesce(s.name, d.device_name) AS user_name, a.cook_id, c.name AS cook_name, a.changed, a.old::text AS old,
    a.new::text AS new, a.details::text AS details, host(a.ip) AS ip, a.user_agent, a.request_id
FROM app.audit_logs AS a
LEFT JOIN app.staff AS s ON s.tenant_id = a.tenant_id AND s.id = a.user_id
LEFT JOIN app.device_rooms AS d ON d.tenant_id = a.tenant_id AND d.id = a.user_id
LEFT JOIN app.staff AS c ON c.tenant_id = a.tenant_id AND c.id = a.cook_id
WHERE a.tenant_id = $1 AND (a.created_at, a.id) < ($2, $3) AND a.created_at >= $4
    AND ($5::text IS NULL OR a.table_name = $5)
    AND ($6::text IS NULL OR a.record = $6)
    AND a.user_id = $7
    AND ($8::text IS NULL OR a.operation = $8)
ORDER BY a.created_at DESC, a.id DESC
LIMIT $9;

-- name: by_operation (read, replica)
-- A page of one kind of change or event, before a position and not before a moment.
SELECT
    a.id, a.created_at AS at, a.operation, a.table_name AS "table", a.record, a.user_id, a.user_role,
    coalesce(s.name, d.device_name) AS user_name, a.cook_id, c.name AS cook_name, a.changed, a.old::text AS old,
    a.new::text AS new, a.details::text AS details, host(a.ip) AS ip, a.user_agent, a.request_id
FROM app.audit_logs AS a
LEFT JOIN app.staff AS s ON s.tenant_id = a.tenant_id AND s.id = a.user_id
LEFT JOIN app.device_rooms AS d ON d.tenant_id = a.tenant_id AND d.id = a.user_id
LEFT JOIN app.staff AS c ON c.tenant_id = a.tenant_id AND c.id = a.cook_id
WHERE a.tenant_id = $1 AND (a.created_at, a.id) < ($2, $3) AND a.created_at >= $4
    AND ($5::text IS NULL OR a.table_name = $5)
    AND ($6::text IS NULL OR a.record = $6)
    AND ($7::uuid IS NULL OR a.user_id = $7)
    AND a.operation = $8
ORDER BY a.created_at DESC, a.id DESC
LIMIT $9;

-- name: by_time (read, replica)
-- A page of the audit of a hotel, before a position and not before a moment.
SELECT
    a.id, a.created_at AS at, a.operation, a.table_name AS "table", a.record, a.user_id, a.user_role,
    coalesce(s.name, d.device_name) AS user_name, a.cook_id, c.name AS cook_name, a.changed, a.old::text AS old,
    a.new::text AS new, a.details::text AS details, host(a.ip) AS ip, a.user_agent, a.request_id
FROM app.audit_logs AS a
LEFT JOIN app.staff AS s ON s.tenant_id = a.tenant_id AND s.id = a.user_id
LEFT JOIN app.device_rooms AS d ON d.tenant_id = a.tenant_id AND d.id = a.user_id
LEFT JOIN app.staff AS c ON c.tenant_id = a.tenant_id AND c.id = a.cook_id
WHERE a.tenant_id = $1 AND (a.created_at, a.id) < ($2, $3) AND a.created_at >= $4
    AND ($5::text IS NULL OR a.table_name = $5)
    AND ($6::text IS NULL OR a.record = $6)
    AND ($7::uuid IS NULL OR a.user_id = $7)
    AND ($8::text IS NULL OR a.operation = $8)
ORDER BY a.created_at DESC, a.id DESC
LIMIT $9;

-- name: of_platform (read)
-- A page of what happened to the platform itself, as hub_admin.
SELECT
    a.id, a.created_at AS at, a.operation, a.table_name AS "table", a.record, a.user_id, a.user_role,
    s.name AS user_name, NULL::uuid AS cook_id, NULL::text AS cook_name, a.changed, a.old::text AS old,
    a.new::text AS new, a.details::text AS details, host(a.ip) AS ip, a.user_agent, a.request_id
FROM app.platform_audit AS a
LEFT JOIN app.staff AS s ON s.tenant_id = '00000000-0000-0000-0000-000000000000' AND s.id = a.user_id
WHERE (a.created_at, a.id) < ($1, $2) AND a.created_at >= $3
    AND ($4::text IS NULL OR a.table_name = $4)
    AND ($5::text IS NULL OR a.record = $5)
    AND ($6::uuid IS NULL OR a.user_id = $6)
    AND ($7::text IS NULL OR a.operation = $7)
ORDER BY a.created_at DESC, a.id DESC
LIMIT $8;
