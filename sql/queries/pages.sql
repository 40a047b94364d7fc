-- Pages of a hotel for its guests, and what they were before. Screens get them with the log.

-- name: pages (read)
-- All pages of a hotel in their order, without their content; $2 says whether the deleted ones, latest first.
SELECT
    p.id, p.slug, p.title_ja, p.title_en, p.summary_ja, p.summary_en, p.floors, p.display_order, p.is_published,
    p.published_at, p.expires_at, p.is_shown, p.version, p.parent_version, p.updated_at, p.deleted_at
FROM app.pages AS p
WHERE p.tenant_id = $1 AND (p.deleted_at IS NOT NULL) = $2
ORDER BY p.deleted_at DESC NULLS FIRST, p.display_order, p.id
LIMIT 500;

-- name: page (read)
-- One page, also a deleted one.
SELECT
    p.id, p.slug, p.title_ja, p.title_en, p.summary_ja, p.summary_en, p.content_ja, p.content_en, p.floors,
    p.display_order, p.is_published, p.published_at, p.expires_at, p.is_shown, p.version, p.parent_version, p.updated_at,
    p.deleted_at
FROM app.pages AS p
WHERE p.tenant_id = $1 AND p.id = $2;

-- name: lock_page (write)
-- The same, and nobody else changes it until this transaction ends.
SELECT
    p.id, p.slug, p.title_ja, p.title_en, p.summary_ja, p.summary_en, p.content_ja, p.content_en, p.floors,
    p.display_order, p.is_published, p.published_at, p.expires_at, p.is_shown, p.version, p.parent_version, p.updated_at,
    p.deleted_at
FROM app.pages AS p
WHERE p.tenant_id = $1 AND p.id = $2
FOR NO KEY UPDATE;

-- name: lock_pages (write)
-- The hotel, whose pages nobody else edits until this transaction ends.
SELECT t.id FROM app.tenants AS t WHERE t.id = $1 FOR NO KEY UPDATE;

-- name: held (read)
-- How many pages a hotel has, and the bytes of all that can be read in them; no row when it has none.
SELECT
    count(*) AS pages,
    sum(
        octet_length(p.title_ja) + octet_length(p.title_en) + octet_length(p.summary_ja) + octet_length(p.summary_en)
        + octet_length(p.content_ja) + octet_length(p.content_en)
    ) AS bytes
FROM app.pages AS p
WHERE p.tenant_id = $1 AND p.deleted_at IS NULL
HAVING count(*) > 0;

-- name: page_of_change (read)
-- The page of the change with an id that its maker gave it.
SELECT h.page_id FROM app.page_histories AS h WHERE h.tenant_id = $1 AND h.change_id = $2;

-- name: insert_page (write)
-- A new page, which nobody sees yet.
INSERT INTO app.pages (
    tenant_id, id, slug, title_ja, title_en, summary_ja, summary_en, content_ja, content_en, floors, display_order
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: save_page (write)
-- New values of a page; its version.
UPDATE app.pages
SET slug = $3, title_ja = $4, title_en = $5, summary_ja = $6, summary_en = $7, content_ja = $8, content_en = $9,
    floors = $10, display_order = $11, is_published = $12, published_at = $13, expires_at = $14, parent_version = $15,
    deleted_at = CASE WHEN $16 THEN coalesce(deleted_at, now()) END
WHERE tenant_id = $1 AND id = $2
RETURNING version;

-- name: insert_history (write)
-- What a page is from now on, and who has made it so.
INSERT INTO app.page_histories (
    tenant_id, page_id, version, action, change_id, changed_by, parent_version, changed, snapshot
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::jsonb);

-- name: history (read)
-- At most $4 versions of a page before version $3, latest first, without their content.
SELECT h.version, h.action, h.changed_by, s.name AS changed_by_name, h.parent_version, h.changed, h.created_at
FROM app.page_histories AS h
LEFT JOIN app.staff AS s ON s.tenant_id = h.tenant_id AND s.id = h.changed_by
WHERE h.tenant_id = $1 AND h.page_id = $2 AND h.version < $3
ORDER BY h.version DESC
LIMIT $4;

-- name: version (read)
-- One version of a page, whole.
SELECT
    h.version, h.action, h.changed_by, s.name AS changed_by_name, h.parent_version, h.changed, h.created_at,
    h.snapshot::text AS snapshot
FROM app.page_histories AS h
LEFT JOIN app.staff AS s ON s.tenant_id = h.tenant_id AND s.id = h.changed_by
WHERE h.tenant_id = $1 AND h.page_id = $2 AND h.version = $3;

-- name: pages_due (read)
-- Hotels of which a page shall appear or go within that time, and in how many seconds. Runs as hub_relay.
SELECT due.tenant_id, due.seconds FROM app.pages_due($1) AS due;

-- name: turn_pages (write)
-- Shows and hides at most $2 pages of a hotel whose moment has come; how many. Runs as hub_relay.
SELECT app.turn_pages($1, $2);
