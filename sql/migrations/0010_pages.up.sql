-- Pages of a hotel's own for its guests: breakfast, the bath, how to leave. The content is HTML as hub/pages has cleaned
-- it; screens show it in a frame that can do nothing, whoever wrote it.

CREATE TABLE app.pages (
    tenant_id uuid NOT NULL CONSTRAINT pages_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    slug text NOT NULL CONSTRAINT pages_slug_form CHECK (slug ~ '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$'),
    title_ja text NOT NULL CONSTRAINT pages_title_ja_length CHECK (length(title_ja) BETWEEN 1 AND 200),
    title_en text NOT NULL DEFAULT '' CONSTRAINT pages_title_en_length CHECK (length(title_en) <= 200),
    -- a line below the title in the list of pages
    summary_ja text NOT NULL DEFAULT '' CONSTRAINT pages_summary_ja_length CHECK (length(summary_ja) <= 300),
    summary_en text NOT NULL DEFAULT '' CONSTRAINT pages_summary_en_length CHECK (length(summary_en) <= 300),
    content_ja text NOT NULL DEFAULT '' CONSTRAINT pages_content_ja_length CHECK (length(content_ja) <= 40000),
    content_en text NOT NULL DEFAULT '' CONSTRAINT pages_content_en_length CHECK (length(content_en) <= 40000),
    -- where it is shown; NULL is every floor
    floors text[] CONSTRAINT pages_floors_not_empty CHECK (cardinality(floors) > 0),
    display_order integer NOT NULL DEFAULT 0,
    -- guests see it from published_at, which may be to come, to expires_at
    is_published boolean NOT NULL DEFAULT false,
    published_at timestamptz,
    expires_at timestamptz,
    -- kept by the trigger: whether guests see it now, and when that changes by itself
    is_shown boolean NOT NULL DEFAULT false,
    turns_at timestamptz,
    -- kept by the trigger; and which version this one was made from: the one before it, or one that was restored
    version integer NOT NULL DEFAULT 1 CONSTRAINT pages_version_positive CHECK (version > 0),
    parent_version integer CONSTRAINT pages_parent_version_older CHECK (parent_version < version),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT pages_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT pages_times_in_order CHECK (expires_at > published_at),
    CONSTRAINT pages_published_in_both_languages
        CHECK (NOT is_published OR (title_en <> '' AND content_ja <> '' AND content_en <> '')),
    CONSTRAINT pages_deleted_is_not_published CHECK (deleted_at IS NULL OR NOT is_published)
);
CREATE UNIQUE INDEX pages_slug_key ON app.pages (tenant_id, slug) WHERE deleted_at IS NULL;
CREATE INDEX pages_shown ON app.pages (tenant_id, display_order, id) WHERE is_shown;
CREATE INDEX pages_turning ON app.pages (turns_at) WHERE turns_at IS NOT NULL;
SELECT app.protect_tenant_table('app.pages');
GRANT SELECT, INSERT, UPDATE ON app.pages TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.pages TO hub_admin;
GRANT SELECT, UPDATE (is_shown), DELETE ON app.pages TO hub_log;
CREATE POLICY log ON app.pages TO hub_log USING (true) WITH CHECK (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.pages FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.pages FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.pages FOR EACH ROW EXECUTE FUNCTION app.audit_row('id', '');

-- The last hundred versions of each page that editors have made, whole. Nobody changes what was.
CREATE TABLE app.page_histories (
    tenant_id uuid NOT NULL,
    page_id uuid NOT NULL,
    version integer NOT NULL CONSTRAINT page_histories_version_positive CHECK (version > 0),
    action text NOT NULL CONSTRAINT page_histories_action_known
        CHECK (action IN ('created', 'changed', 'published', 'scheduled', 'unpublished', 'restored', 'deleted')),
    -- given by who makes the change, so that a repeated one knows itself
    change_id uuid NOT NULL DEFAULT gen_random_uuid(),
    changed_by uuid,
    parent_version integer,
    -- the fields that are not as they were in the version before it
    changed text[] NOT NULL,
    snapshot jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT page_histories_pkey PRIMARY KEY (tenant_id, page_id, version),
    CONSTRAINT page_histories_change_key UNIQUE (tenant_id, change_id),
    CONSTRAINT page_histories_page_fkey FOREIGN KEY (tenant_id, page_id) REFERENCES app.pages (tenant_id, id),
    CONSTRAINT page_histories_staff_fkey FOREIGN KEY (tenant_id, changed_by) REFERENCES app.staff (tenant_id, id)
);
SELECT app.protect_tenant_table('app.page_histories');
GRANT SELECT, INSERT ON app.page_histories TO hub_api;
GRANT SELECT, INSERT, DELETE ON app.page_histories TO hub_admin;
GRANT SELECT, DELETE ON app.page_histories TO hub_log;
CREATE POLICY log ON app.page_histories TO hub_log USING (true) WITH CHECK (true);

-- What no writer may forget: the version rises with every change, and what guests see follows from the rest.
CREATE FUNCTION app.stamp_page() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.is_published THEN
        NEW.published_at := coalesce(NEW.published_at, now());
    END IF;
    IF TG_OP = 'UPDATE' THEN
        NEW.version := OLD.version;
        IF (NEW.slug, NEW.title_ja, NEW.title_en, NEW.summary_ja, NEW.summary_en, NEW.content_ja, NEW.content_en,
            NEW.floors, NEW.display_order, NEW.is_published, NEW.published_at, NEW.expires_at, NEW.deleted_at)
            IS DISTINCT FROM
            (OLD.slug, OLD.title_ja, OLD.title_en, OLD.summary_ja, OLD.summary_en, OLD.content_ja, OLD.content_en,
             OLD.floors, OLD.display_order, OLD.is_published, OLD.published_at, OLD.expires_at, OLD.deleted_at) THEN
            NEW.version := OLD.version + 1;
        END IF;
    END IF;
    NEW.is_shown := NEW.is_published AND NEW.published_at <= now() AND (NEW.expires_at IS NULL OR NEW.expires_at > now());
    NEW.turns_at := CASE
        WHEN NOT NEW.is_published THEN NULL
        WHEN NEW.published_at > now() THEN NEW.published_at
        WHEN NEW.expires_at > now() THEN NEW.expires_at
    END;
    RETURN NEW;
END
$$;
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON app.pages FOR EACH ROW EXECUTE FUNCTION app.stamp_page();

-- A page as guests see it.
CREATE VIEW app.page_documents WITH (security_invoker = true) AS
SELECT
    page.tenant_id,
    page.id,
    page.display_order,
    page.is_shown AS visible,
    (
        SELECT row_to_json(shown)
        FROM (
            SELECT
                page.id,
                page.slug,
                page.title_ja,
                page.title_en,
                page.summary_ja,
                page.summary_en,
                page.content_ja AS html_ja,
                page.content_en AS html_en,
                page.display_order,
                page.floors,
                app.iso(page.published_at) AS published_at,
                app.iso(page.expires_at) AS expires_at
        ) AS shown
    ) AS document
FROM app.pages AS page;
GRANT SELECT ON app.page_documents TO hub_api, hub_admin, hub_log;

CREATE FUNCTION app.log_page() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    page_id uuid := coalesce(NEW.id, OLD.id);
    page_tenant uuid := coalesce(NEW.tenant_id, OLD.tenant_id);
    seq bigint := app.take_head(page_tenant);
    page json := (
        SELECT d.document FROM app.page_documents AS d
        WHERE d.tenant_id = page_tenant AND d.id = page_id AND d.visible
    );
BEGIN
    INSERT INTO app.events (tenant_id, seq, kind, subject, topics, payload)
    VALUES (page_tenant, seq, CASE WHEN page IS NULL THEN 'page.removed' ELSE 'page' END, page_id, ARRAY['pages'],
            coalesce(page, json_build_object('id', page_id)));
    PERFORM app.ring_bell();
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_insert AFTER INSERT ON app.pages
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.is_shown) EXECUTE FUNCTION app.log_page();
CREATE CONSTRAINT TRIGGER log_update AFTER UPDATE ON app.pages
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.is_shown OR NEW.is_shown)
          AND (OLD.is_shown, OLD.slug, OLD.title_ja, OLD.title_en, OLD.summary_ja, OLD.summary_en, OLD.content_ja,
               OLD.content_en, OLD.floors, OLD.display_order, OLD.published_at, OLD.expires_at)
              IS DISTINCT FROM
              (NEW.is_shown, NEW.slug, NEW.title_ja, NEW.title_en, NEW.summary_ja, NEW.summary_en, NEW.content_ja,
               NEW.content_en, NEW.floors, NEW.display_order, NEW.published_at, NEW.expires_at))
    EXECUTE FUNCTION app.log_page();
CREATE CONSTRAINT TRIGGER log_delete AFTER DELETE ON app.pages
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.is_shown) EXECUTE FUNCTION app.log_page();

-- What nobody will look for goes: of a page all but the last hundred versions, of a hotel all but the hundred pages that
-- were deleted last.
CREATE FUNCTION app.forget_versions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM app.page_histories AS past
    WHERE past.tenant_id = NEW.tenant_id AND past.page_id = NEW.page_id AND past.version <= NEW.version - 100;
    RETURN NULL;
END
$$;
CREATE TRIGGER forget_versions AFTER INSERT ON app.page_histories FOR EACH ROW
    WHEN (NEW.version > 100) EXECUTE FUNCTION app.forget_versions();

CREATE FUNCTION app.forget_pages() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone uuid[] := ARRAY(
        SELECT page.id FROM app.pages AS page
        WHERE page.tenant_id = NEW.tenant_id AND page.deleted_at IS NOT NULL
        ORDER BY page.deleted_at DESC, page.id OFFSET 100
        FOR UPDATE
    );
BEGIN
    DELETE FROM app.page_histories AS past WHERE past.tenant_id = NEW.tenant_id AND past.page_id = ANY (gone);
    DELETE FROM app.pages AS page WHERE page.tenant_id = NEW.tenant_id AND page.id = ANY (gone);
    RETURN NULL;
END
$$;
CREATE TRIGGER forget_pages AFTER UPDATE OF deleted_at ON app.pages FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION app.forget_pages();

-- Hotels of which a page shall appear or go by itself within that time, and in how many seconds; 0 and less is due.
CREATE FUNCTION app.pages_due(within interval) RETURNS TABLE (tenant_id uuid, seconds double precision)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT page.tenant_id, extract(epoch FROM min(page.turns_at) - clock_timestamp())::double precision
    FROM app.pages AS page
    WHERE page.turns_at <= now() + within
    GROUP BY page.tenant_id
    ORDER BY 2
$$;

-- Shows and hides at most `batch` pages of a hotel whose moment has come; how many. The trigger says what is right now;
-- a page that somebody changes at this moment waits for the next call.
CREATE FUNCTION app.turn_pages(tenant uuid, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    turned integer;
BEGIN
    UPDATE app.pages AS page SET is_shown = NOT page.is_shown
    WHERE page.tenant_id = tenant AND page.id = ANY (ARRAY(
        SELECT due.id FROM app.pages AS due
        WHERE due.tenant_id = tenant AND due.turns_at <= now()
        ORDER BY due.turns_at LIMIT batch FOR NO KEY UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS turned = ROW_COUNT;
    RETURN turned;
END
$$;

GRANT CREATE ON SCHEMA app TO hub_log;
ALTER FUNCTION app.log_page() OWNER TO hub_log;
ALTER FUNCTION app.forget_versions() OWNER TO hub_log;
ALTER FUNCTION app.forget_pages() OWNER TO hub_log;
ALTER FUNCTION app.pages_due(interval) OWNER TO hub_log;
ALTER FUNCTION app.turn_pages(uuid, integer) OWNER TO hub_log;
REVOKE CREATE ON SCHEMA app FROM hub_log;
GRANT EXECUTE ON FUNCTION app.pages_due(interval), app.turn_pages(uuid, integer) TO hub_relay;
