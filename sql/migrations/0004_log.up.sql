-- The log: every change that a screen must show is appended in the transaction of the change itself.
--
-- seq is gapless and in commit order because it is taken from the tenant's head row by a deferred trigger: the head
-- is the last lock of the transaction and lives only for the commit; a rollback takes its number back. A sequence
-- or a timestamp would not do: they are taken before the commit, and a reader with a cursor skips late commits.

CREATE TABLE app.tenant_heads (
    tenant_id uuid NOT NULL CONSTRAINT tenant_heads_tenant_fkey REFERENCES app.tenants (id),
    -- a new epoch says: the past may have changed (restore, failover that lost commits), start from a snapshot
    epoch uuid NOT NULL DEFAULT gen_random_uuid(),
    seq bigint NOT NULL DEFAULT 0 CONSTRAINT tenant_heads_seq_not_negative CHECK (seq >= 0),
    -- events up to and including the floor have been pruned
    floor bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenant_heads_pkey PRIMARY KEY (tenant_id),
    CONSTRAINT tenant_heads_floor_range CHECK (floor BETWEEN 0 AND seq)
) WITH (fillfactor = 50);
SELECT app.protect_tenant_table('app.tenant_heads');
GRANT SELECT ON app.tenant_heads TO hub_api, hub_admin, hub_relay;
GRANT SELECT, INSERT, UPDATE ON app.tenant_heads TO hub_log;
CREATE POLICY log ON app.tenant_heads TO hub_log USING (true) WITH CHECK (true);
CREATE POLICY relay ON app.tenant_heads FOR SELECT TO hub_relay USING (true);

CREATE TABLE app.events (
    tenant_id uuid NOT NULL CONSTRAINT events_tenant_fkey REFERENCES app.tenants (id),
    seq bigint NOT NULL CONSTRAINT events_seq_positive CHECK (seq > 0),
    kind text NOT NULL CONSTRAINT events_kind_form CHECK (kind ~ '^[a-z_]+(?:[.][a-z_]+)?$'),
    subject uuid NOT NULL,
    version integer NOT NULL DEFAULT 0,
    -- who may see it: a session receives an event when it holds one of its topics
    topics text[] NOT NULL CONSTRAINT events_topics_not_empty CHECK (cardinality(topics) > 0),
    -- JSON as it was made, and as it is told
    payload json NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT events_pkey PRIMARY KEY (tenant_id, seq)
);
CREATE INDEX events_xid ON app.events (xid);
SELECT app.protect_tenant_table('app.events');
GRANT SELECT ON app.events TO hub_api, hub_admin, hub_relay;
GRANT SELECT, INSERT, DELETE ON app.events TO hub_log;
CREATE POLICY log ON app.events TO hub_log USING (true) WITH CHECK (true);
CREATE POLICY relay ON app.events FOR SELECT TO hub_relay USING (true);

-- One row. NOTIFY takes a lock of the whole cluster through the commit's flush, so a writer rings only while the
-- relay has armed the bell, which it does when events are few. Nothing is lost without the bell: the relay polls.
CREATE TABLE app.relay_bell (
    id boolean NOT NULL DEFAULT true CONSTRAINT relay_bell_pkey PRIMARY KEY,
    armed boolean NOT NULL,
    CONSTRAINT relay_bell_one_row CHECK (id)
) WITH (fillfactor = 50);
INSERT INTO app.relay_bell (armed) VALUES (true);
GRANT SELECT ON app.relay_bell TO hub_log;
GRANT SELECT, UPDATE (armed) ON app.relay_bell TO hub_relay;

-- One row: the server and timeline under which the log was written. A relay that finds another one gives every
-- tenant a new epoch, because commits may be missing.
CREATE TABLE app.log_origin (
    id boolean NOT NULL DEFAULT true CONSTRAINT log_origin_pkey PRIMARY KEY,
    system_identifier bigint NOT NULL,
    timeline integer NOT NULL,
    CONSTRAINT log_origin_one_row CHECK (id)
);
GRANT SELECT, INSERT, UPDATE ON app.log_origin TO hub_log;
GRANT SELECT ON app.log_origin TO hub_relay;

CREATE FUNCTION app.create_head() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO app.tenant_heads (tenant_id) VALUES (NEW.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER create_head AFTER INSERT ON app.tenants FOR EACH ROW EXECUTE FUNCTION app.create_head();
INSERT INTO app.tenant_heads (tenant_id) SELECT id FROM app.tenants;

-- The timeline of the server; every promotion of a replica and every restore to a moment begins a new one.
CREATE FUNCTION app.log_timeline() RETURNS integer
LANGUAGE sql STABLE
RETURN ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer;

-- Takes the head of a tenant for the rest of the transaction. STRICT: a missing head is an error, not silence.
-- What is the first on a new timeline renews the epochs before it: else it could take a seq, in the same epoch,
-- that somebody has seen with an event of the old timeline, which never got here.
CREATE FUNCTION app.take_head(tenant uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taken bigint;
BEGIN
    IF (SELECT o.timeline FROM app.log_origin AS o) IS DISTINCT FROM app.log_timeline() THEN
        PERFORM app.check_log_origin((SELECT c.system_identifier FROM pg_control_system() AS c), app.log_timeline());
    END IF;
    UPDATE app.tenant_heads SET seq = seq + 1, updated_at = now() WHERE tenant_id = tenant RETURNING seq INTO STRICT taken;
    RETURN taken;
END
$$;

-- Rings for the relay. Called last, when the event stands.
CREATE FUNCTION app.ring_bell() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (SELECT armed FROM app.relay_bell) THEN
        PERFORM pg_notify('hub_bell', '');
    END IF;
END
$$;

-- The functions below read the tenant from the row, never from a setting: psql and hub_admin set none.
-- They take the head first and read the document in a statement after it: read before, two transactions that
-- bump two items of one order at once would leave a stale last event.

-- A change of items is a change of their order. One that this transaction has changed and not logged yet has its new
-- version already; stamp_order dates a change, for a row that was written may be the same as before. The others are
-- locked in id order, so that two writers of several orders do not deadlock. Owned by hub_log: it must work for a writer
-- who has set no tenant.
CREATE FUNCTION app.raise_order_version() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT o.tenant_id, o.id FROM app.orders AS o
        WHERE (o.tenant_id, o.id) IN (SELECT changed.tenant_id, changed.order_id FROM changed)
            AND (o.xmin <> pg_current_xact_id()::xid OR o.updated_at <> now() OR o.version = 0 OR EXISTS (
                SELECT FROM app.events AS e
                WHERE e.xid = pg_current_xact_id() AND e.tenant_id = o.tenant_id AND e.subject = o.id
            ))
        ORDER BY o.tenant_id, o.id FOR NO KEY UPDATE
    LOOP
        UPDATE app.orders AS o SET version = o.version + 1 WHERE o.tenant_id = one.tenant_id AND o.id = one.id;
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER raise_version_insert AFTER INSERT ON app.order_items REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION app.raise_order_version();
CREATE TRIGGER raise_version_update AFTER UPDATE ON app.order_items REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION app.raise_order_version();
CREATE TRIGGER raise_version_delete AFTER DELETE ON app.order_items REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION app.raise_order_version();

CREATE FUNCTION app.log_order() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    now_version integer;
    now_stay uuid;
    is_logged boolean;
    seq bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.version > 0 AND NOT EXISTS (
            SELECT FROM app.orders AS o WHERE o.tenant_id = OLD.tenant_id AND o.id = OLD.id
        ) THEN
            seq := app.take_head(OLD.tenant_id);
            INSERT INTO app.events (tenant_id, seq, kind, subject, version, topics, payload)
            VALUES (OLD.tenant_id, seq, 'order.removed', OLD.id, OLD.version,
                    ARRAY['kitchen', 'stay:' || OLD.stay_id], json_build_object('id', OLD.id));
            PERFORM app.ring_bell();
        END IF;
        RETURN NULL;
    END IF;
    -- This transaction holds the order's row, so its version stands still.
    SELECT
        o.version, o.stay_id, EXISTS (
            SELECT FROM app.events AS e
            WHERE e.xid = pg_current_xact_id() AND e.tenant_id = o.tenant_id
                AND e.subject = o.id AND e.version = o.version AND e.kind = 'order'
        )
    INTO now_version, now_stay, is_logged
    FROM app.orders AS o WHERE o.tenant_id = NEW.tenant_id AND o.id = NEW.id;
    IF now_version IS NULL OR now_version = 0 THEN
        RETURN NULL;
    END IF;
    IF NOT is_logged THEN
        seq := app.take_head(NEW.tenant_id);
        INSERT INTO app.events (tenant_id, seq, kind, subject, version, topics, payload)
        SELECT d.tenant_id, seq, 'order', d.id, now_version, ARRAY['kitchen', 'stay:' || d.stay_id], d.document
        FROM app.order_documents AS d WHERE d.tenant_id = NEW.tenant_id AND d.id = NEW.id;
        PERFORM app.ring_bell();
    END IF;
    -- Those who could see it before and cannot any more are told to drop it.
    IF TG_OP = 'UPDATE' AND OLD.stay_id <> now_stay THEN
        seq := app.take_head(NEW.tenant_id);
        INSERT INTO app.events (tenant_id, seq, kind, subject, version, topics, payload)
        VALUES (NEW.tenant_id, seq, 'order.removed', NEW.id, now_version,
                ARRAY['stay:' || OLD.stay_id], json_build_object('id', NEW.id));
        PERFORM app.ring_bell();
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log AFTER INSERT OR DELETE ON app.orders
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.log_order();
CREATE CONSTRAINT TRIGGER log_update AFTER UPDATE ON app.orders
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW)
    EXECUTE FUNCTION app.log_order();

-- A menu event fires only when what a guest sees has changed: one portion less of twenty is no news.
CREATE FUNCTION app.log_menu_item() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item_id uuid := coalesce(NEW.id, OLD.id);
    item_tenant uuid := coalesce(NEW.tenant_id, OLD.tenant_id);
    is_visible boolean;
    item_document text;
    logged text;
    seq bigint;
BEGIN
    SELECT d.visible, d.document INTO is_visible, item_document
    FROM app.menu_documents AS d WHERE d.tenant_id = item_tenant AND d.id = item_id;
    -- What guests never saw comes and goes without a word.
    IF (TG_OP = 'INSERT' AND is_visible IS NOT TRUE)
        OR (TG_OP = 'DELETE' AND (OLD.is_hidden OR OLD.deleted_at IS NOT NULL)) THEN
        RETURN NULL;
    END IF;
    IF is_visible IS NOT TRUE THEN
        item_document := json_build_object('id', item_id);
    END IF;
    SELECT e.payload INTO logged FROM app.events AS e
    WHERE e.xid = pg_current_xact_id() AND e.tenant_id = item_tenant AND e.subject = item_id AND e.kind <> 'low_stock'
    ORDER BY e.seq DESC LIMIT 1;
    IF logged = item_document THEN
        RETURN NULL;
    END IF;
    seq := app.take_head(item_tenant);
    INSERT INTO app.events (tenant_id, seq, kind, subject, topics, payload)
    VALUES (item_tenant, seq, CASE WHEN is_visible THEN 'menu_item' ELSE 'menu_item.removed' END,
            item_id, ARRAY['menu'], item_document::json);
    PERFORM app.ring_bell();
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_change AFTER INSERT OR DELETE ON app.menu_items
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.log_menu_item();
CREATE CONSTRAINT TRIGGER log_update AFTER UPDATE ON app.menu_items
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (
        (OLD.name_ja, OLD.name_en, OLD.description_ja, OLD.description_en, OLD.price, OLD.category, OLD.tags,
         OLD.allergens, OLD.may_contain, OLD.options, OLD.image_url, OLD.display_order, OLD.is_featured, OLD.is_hidden,
         OLD.deleted_at, OLD.age_restricted, OLD.start_time, OLD.end_time, OLD.last_order_minutes, OLD.days,
         OLD.sold_out_until, OLD.fulfilment, OLD.station, OLD.tax_class, OLD.preparation_minutes,
         OLD.allergens_known, NOT OLD.is_available OR coalesce(OLD.stock_quantity = 0, false))
        IS DISTINCT FROM
        (NEW.name_ja, NEW.name_en, NEW.description_ja, NEW.description_en, NEW.price, NEW.category, NEW.tags,
         NEW.allergens, NEW.may_contain, NEW.options, NEW.image_url, NEW.display_order, NEW.is_featured, NEW.is_hidden,
         NEW.deleted_at, NEW.age_restricted, NEW.start_time, NEW.end_time, NEW.last_order_minutes, NEW.days,
         NEW.sold_out_until, NEW.fulfilment, NEW.station, NEW.tax_class, NEW.preparation_minutes,
         NEW.allergens_known, NOT NEW.is_available OR coalesce(NEW.stock_quantity = 0, false))
        AND (NOT (OLD.is_hidden OR OLD.deleted_at IS NOT NULL) OR NOT (NEW.is_hidden OR NEW.deleted_at IS NOT NULL))
    )
    EXECUTE FUNCTION app.log_menu_item();

-- Few portions are left: said when the number crosses the threshold downward, to those who can do something about it.
CREATE FUNCTION app.log_low_stock() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.tell(NEW.tenant_id, NEW.id, 'kitchen', 'low_stock', json_build_object(
        'id', NEW.id, 'name_ja', NEW.name_ja, 'name_en', coalesce(NEW.name_en, NEW.name_ja),
        'left', NEW.stock_quantity, 'threshold', NEW.low_stock_threshold
    ));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_low_stock AFTER UPDATE ON app.menu_items
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.stock_quantity > OLD.low_stock_threshold AND NEW.stock_quantity <= NEW.low_stock_threshold
          AND NEW.deleted_at IS NULL)
    EXECUTE FUNCTION app.log_low_stock();

-- Hotels of which something that is sold out comes back within that time, and in how many seconds; 0 and less is due.
CREATE FUNCTION app.comebacks_due(within interval) RETURNS TABLE (tenant_id uuid, seconds double precision)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT item.tenant_id, extract(epoch FROM min(item.sold_out_until) - clock_timestamp())::double precision
    FROM app.menu_items AS item
    WHERE item.sold_out_until <= now() + within
    GROUP BY item.tenant_id
    ORDER BY 2
$$;

-- Brings at most `batch` items of a hotel back whose moment has come; how many. One that somebody changes at this moment
-- waits for the next call.
CREATE FUNCTION app.bring_back(tenant uuid, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    back integer;
BEGIN
    UPDATE app.menu_items AS item SET is_available = true, sold_out_until = NULL
    WHERE item.tenant_id = tenant AND item.id = ANY (ARRAY(
        SELECT due.id FROM app.menu_items AS due
        WHERE due.tenant_id = tenant AND due.sold_out_until <= now()
        ORDER BY due.id LIMIT batch FOR NO KEY UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS back = ROW_COUNT;
    RETURN back;
END
$$;

CREATE FUNCTION app.log_hotel() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seq bigint := app.take_head(NEW.id);
BEGIN
    INSERT INTO app.events (tenant_id, seq, kind, subject, topics, payload)
    SELECT d.tenant_id, seq, 'hotel', d.tenant_id, ARRAY['kitchen', 'menu'], d.document
    FROM app.hotel_documents AS d WHERE d.tenant_id = NEW.id;
    PERFORM app.ring_bell();
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log AFTER UPDATE ON app.tenants
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.name, OLD.time_zone, OLD.locale, OLD.prices_include_tax, OLD.settings)
          IS DISTINCT FROM (NEW.name, NEW.time_zone, NEW.locale, NEW.prices_include_tax, NEW.settings))
    EXECUTE FUNCTION app.log_hotel();

-- A topic that has ended: nodes ask anew whether the sessions that hold it are admitted, and close those that are not
-- (so whatever ends a topic here, `admitted` in devices.sql or admit_staff must notice). A stay's ends with the stay,
-- and when the stay moves to another room, whose tablet then asks for it; a device's ends when the device is no longer
-- what its token says: another state, place or credential (but not when the next credential takes its place, which is
-- how credentials are rotated), and when a guest moves in, because its token does not name the stay yet; a hotel's
-- ends when the hotel is suspended, has ended, or its contract does not run.
CREATE FUNCTION app.end_topic(tenant uuid, about uuid, topic text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seq bigint := app.take_head(tenant);
BEGIN
    INSERT INTO app.events (tenant_id, seq, kind, subject, topics, payload)
    VALUES (tenant, seq, 'topic.ended', about, ARRAY[topic], json_build_object('topic', topic));
    PERFORM app.ring_bell();
END
$$;
CREATE FUNCTION app.log_topic_end() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.end_topic(NEW.tenant_id, NEW.id, format('%s:%s', TG_ARGV[0], NEW.id));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_end AFTER UPDATE ON app.stays
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.ended_at IS NULL AND (NEW.ended_at IS NOT NULL OR OLD.room_number <> NEW.room_number))
    EXECUTE FUNCTION app.log_topic_end('stay');
CREATE CONSTRAINT TRIGGER log_end AFTER UPDATE ON app.device_rooms
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.status = 'active' AND OLD.deleted_at IS NULL
          AND ((NEW.status, NEW.deleted_at, NEW.room_number, NEW.floor, NEW.stations)
                  IS DISTINCT FROM (OLD.status, OLD.deleted_at, OLD.room_number, OLD.floor, OLD.stations)
              OR NEW.credential_hash IS DISTINCT FROM OLD.credential_hash
                  AND NEW.credential_hash IS DISTINCT FROM OLD.next_credential_hash))
    EXECUTE FUNCTION app.log_topic_end('device');
-- The phones of a stay, as the screens of that stay know them.
CREATE VIEW app.phone_documents WITH (security_invoker = true) AS
SELECT
    d.tenant_id,
    d.id,
    d.stay_id,
    d.created_at,
    json_build_object('id', d.id, 'connected_at', app.iso(d.created_at)) AS document
FROM app.device_rooms AS d
WHERE d.device_type = 'phone' AND d.status = 'active' AND d.deleted_at IS NULL;
GRANT SELECT ON app.phone_documents TO hub_api, hub_admin, hub_log;
CREATE FUNCTION app.log_phone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seq bigint := app.take_head(NEW.tenant_id);
    phone json := (SELECT p.document FROM app.phone_documents AS p WHERE p.tenant_id = NEW.tenant_id AND p.id = NEW.id);
BEGIN
    INSERT INTO app.events (tenant_id, seq, kind, subject, topics, payload)
    VALUES (NEW.tenant_id, seq, CASE WHEN phone IS NULL THEN 'phone.removed' ELSE 'phone' END, NEW.id,
            ARRAY['stay:' || NEW.stay_id], coalesce(phone, json_build_object('id', NEW.id)));
    PERFORM app.ring_bell();
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_phone AFTER INSERT ON app.device_rooms
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.device_type = 'phone' AND NEW.status = 'active')
    EXECUTE FUNCTION app.log_phone();
CREATE CONSTRAINT TRIGGER log_phone_update AFTER UPDATE ON app.device_rooms
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.device_type = 'phone' AND (NEW.status, NEW.deleted_at) IS DISTINCT FROM (OLD.status, OLD.deleted_at))
    EXECUTE FUNCTION app.log_phone();
CREATE FUNCTION app.log_stay_start() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tablet uuid;
BEGIN
    FOR tablet IN
        SELECT d.id FROM app.device_rooms AS d
        WHERE d.tenant_id = NEW.tenant_id AND d.room_number = NEW.room_number AND d.device_type = 'tablet'
            AND d.status = 'active' AND d.deleted_at IS NULL
    LOOP
        PERFORM app.end_topic(NEW.tenant_id, tablet, format('device:%s', tablet));
    END LOOP;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_start AFTER INSERT ON app.stays
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.ended_at IS NULL) EXECUTE FUNCTION app.log_stay_start();
CREATE CONSTRAINT TRIGGER log_move AFTER UPDATE ON app.stays
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.ended_at IS NULL AND NEW.room_number <> OLD.room_number)
    EXECUTE FUNCTION app.log_stay_start();
-- What the party of a stay must not eat, as the screens of that stay know it, from the first time that it was said.
CREATE VIEW app.stay_documents WITH (security_invoker = true) AS
SELECT
    s.tenant_id,
    s.id,
    json_build_object(
        'id', s.id,
        'room_number', s.room_number,
        'allergens', s.allergens,
        'allergens_version', s.allergens_version,
        'allergens_declared_at', app.iso(s.allergens_declared_at)
    ) AS document
FROM app.stays AS s
WHERE s.ended_at IS NULL AND s.allergens_declared_at IS NOT NULL;
GRANT SELECT ON app.stay_documents TO hub_api, hub_admin, hub_log;
-- How a kitchen screen is set up, as it knows it itself; what nobody has set is not there.
CREATE VIEW app.screen_documents WITH (security_invoker = true) AS
SELECT
    d.tenant_id,
    d.id,
    json_build_object('id', d.id, 'name', d.device_name, 'stations', d.stations, 'settings', d.settings) AS document
FROM app.device_rooms AS d
WHERE d.device_type = 'kitchen_screen' AND d.status <> 'retired' AND d.deleted_at IS NULL;
GRANT SELECT ON app.screen_documents TO hub_api, hub_admin, hub_log;
-- A tablet that is silent while its room waits for an order: the kitchen knows that nobody reads what it says there.
CREATE VIEW app.silent_tablet_documents WITH (security_invoker = true) AS
SELECT
    p.tenant_id,
    p.device_id AS id,
    json_build_object(
        'id', p.device_id, 'room_number', p.silent_room, 'last_seen_at', app.iso(p.last_seen_at)
    ) AS document
FROM app.device_presence AS p
WHERE p.silent_room IS NOT NULL;
GRANT SELECT ON app.silent_tablet_documents TO hub_api, hub_admin, hub_log;
-- Tells the document of one row, which this transaction holds, or that there is none any more.
CREATE FUNCTION app.tell(tenant uuid, about uuid, topic text, kind text, document json) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seq bigint := app.take_head(tenant);
BEGIN
    INSERT INTO app.events (tenant_id, seq, kind, subject, topics, payload)
    VALUES (tenant, seq, kind || CASE WHEN document IS NULL THEN '.removed' ELSE '' END, about, ARRAY[topic],
            coalesce(document, json_build_object('id', about)));
    PERFORM app.ring_bell();
END
$$;
CREATE FUNCTION app.log_stay() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.tell(NEW.tenant_id, NEW.id, 'stay:' || NEW.id, 'stay', (
        SELECT d.document FROM app.stay_documents AS d WHERE d.tenant_id = NEW.tenant_id AND d.id = NEW.id
    ));
    RETURN NULL;
END
$$;
-- After log_start and log_move by their names: who comes back from what these end has the document still before them.
CREATE CONSTRAINT TRIGGER log_stay AFTER INSERT ON app.stays
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.ended_at IS NULL AND NEW.allergens_declared_at IS NOT NULL)
    EXECUTE FUNCTION app.log_stay();
CREATE CONSTRAINT TRIGGER log_stay_update AFTER UPDATE ON app.stays
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.ended_at IS NULL
          AND ((NEW.allergens, NEW.allergens_version, NEW.allergens_declared_at)
                  IS DISTINCT FROM (OLD.allergens, OLD.allergens_version, OLD.allergens_declared_at)
              OR NEW.allergens_declared_at IS NOT NULL AND NEW.room_number <> OLD.room_number))
    EXECUTE FUNCTION app.log_stay();
CREATE FUNCTION app.log_screen() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.tell(NEW.tenant_id, NEW.id, 'device:' || NEW.id, 'screen', (
        SELECT d.document FROM app.screen_documents AS d WHERE d.tenant_id = NEW.tenant_id AND d.id = NEW.id
    ));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_screen AFTER INSERT ON app.device_rooms
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.device_type = 'kitchen_screen')
    EXECUTE FUNCTION app.log_screen();
CREATE CONSTRAINT TRIGGER log_screen_update AFTER UPDATE ON app.device_rooms
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.device_type = 'kitchen_screen'
          AND (NEW.device_name, NEW.stations, NEW.settings, NEW.status = 'retired', NEW.deleted_at)
              IS DISTINCT FROM (OLD.device_name, OLD.stations, OLD.settings, OLD.status = 'retired', OLD.deleted_at))
    EXECUTE FUNCTION app.log_screen();
CREATE FUNCTION app.log_silence() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.tell(NEW.tenant_id, NEW.device_id, 'kitchen', 'silent_tablet', (
        SELECT d.document FROM app.silent_tablet_documents AS d
        WHERE d.tenant_id = NEW.tenant_id AND d.id = NEW.device_id
    ));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_silence AFTER UPDATE ON app.device_presence
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.silent_room IS DISTINCT FROM OLD.silent_room
          OR NEW.silent_room IS NOT NULL AND NEW.last_seen_at <> OLD.last_seen_at)
    EXECUTE FUNCTION app.log_silence();
-- Tablets of which it is not told yet that an order is under way in their `room`, or no more (NULL): what to tell of those
-- that are silent. Begins with the orders under way: they are few, whatever the number of tablets.
CREATE VIEW app.silence_changes WITH (security_invoker = true) AS
SELECT p.tenant_id, p.device_id, p.last_seen_at, w.room_number AS room
FROM (
    SELECT DISTINCT d.tenant_id, d.id, d.room_number
    FROM app.orders AS o
    JOIN app.device_rooms AS d
        ON d.tenant_id = o.tenant_id AND d.room_number = o.room_number AND d.device_type = 'tablet'
        AND d.status = 'active' AND d.deleted_at IS NULL
    WHERE o.status IN ('received', 'cooking', 'ready', 'delivering')
) AS w
JOIN app.device_presence AS p ON p.tenant_id = w.tenant_id AND p.device_id = w.id
WHERE p.silent_room IS DISTINCT FROM w.room_number
UNION ALL
SELECT p.tenant_id, p.device_id, p.last_seen_at, NULL
FROM app.device_presence AS p
WHERE p.silent_room IS NOT NULL AND NOT EXISTS (
    SELECT FROM app.device_rooms AS d
    JOIN app.orders AS o ON o.tenant_id = d.tenant_id AND o.room_number = d.room_number
    WHERE d.tenant_id = p.tenant_id AND d.id = p.device_id AND d.device_type = 'tablet' AND d.status = 'active'
        AND d.deleted_at IS NULL AND o.status IN ('received', 'cooking', 'ready', 'delivering')
);
GRANT SELECT ON app.silence_changes TO hub_api, hub_admin, hub_log;

-- The hotels in which that has changed of tablets that were last heard of before `since`.
CREATE FUNCTION app.silent_tablets_due(since timestamptz) RETURNS TABLE (tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT c.tenant_id FROM app.silence_changes AS c WHERE c.last_seen_at < since
$$;

-- Notes it of at most `batch` tablets of a hotel; returns of how many. A row that is being written is of a tablet that
-- comes or goes: the next round sees it.
CREATE FUNCTION app.note_silent_tablets(tenant uuid, since timestamptz, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed integer;
BEGIN
    WITH held AS MATERIALIZED (
        SELECT p.tenant_id, p.device_id, c.room
        FROM app.silence_changes AS c
        JOIN app.device_presence AS p ON p.tenant_id = c.tenant_id AND p.device_id = c.device_id
        WHERE c.tenant_id = tenant AND p.tenant_id = tenant AND p.last_seen_at < since
        ORDER BY p.device_id LIMIT batch
        FOR NO KEY UPDATE OF p SKIP LOCKED
    )
    UPDATE app.device_presence AS p SET silent_room = held.room
    FROM held
    WHERE p.tenant_id = held.tenant_id AND p.device_id = held.device_id;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;
CREATE FUNCTION app.log_tenant_end() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.end_topic(NEW.id, NEW.id, 'tenant');
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER log_end AFTER UPDATE ON app.tenants
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (app.tenant_state(OLD.status, OLD.contract_start, OLD.contract_end, OLD.time_zone) = 'active'
          AND app.tenant_state(NEW.status, NEW.contract_start, NEW.contract_end, NEW.time_zone) <> 'active')
    EXECUTE FUNCTION app.log_tenant_end();

-- Compares the server with the one the log was written under; on a difference every tenant gets a new epoch.
-- Returns true when epochs were renewed.
CREATE FUNCTION app.check_log_origin(server bigint, server_timeline integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known app.log_origin;
BEGIN
    -- As a rule nothing has changed, and whoever only asks must not wait for a synchronous standby.
    IF EXISTS (
        SELECT FROM app.log_origin AS o WHERE (o.system_identifier, o.timeline) = (server, server_timeline)
    ) THEN
        RETURN false;
    END IF;
    INSERT INTO app.log_origin (system_identifier, timeline) VALUES (server, server_timeline)
    ON CONFLICT (id) DO NOTHING;
    SELECT * INTO STRICT known FROM app.log_origin FOR UPDATE;
    IF (known.system_identifier, known.timeline) = (server, server_timeline) THEN
        RETURN false;
    END IF;
    UPDATE app.tenant_heads SET epoch = gen_random_uuid(), updated_at = now();
    UPDATE app.log_origin SET system_identifier = server, timeline = server_timeline;
    RETURN true;
END
$$;

-- Deletes at most `batch` of a tenant's events older than `before`, and raises the floor with them.
-- Returns how many went.
CREATE FUNCTION app.prune_events(tenant uuid, before timestamptz, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last bigint;
    gone integer;
BEGIN
    SELECT max(old.seq) INTO last FROM (
        SELECT e.seq, e.created_at FROM app.events AS e WHERE e.tenant_id = tenant ORDER BY e.seq LIMIT batch
    ) AS old WHERE old.created_at < before;
    IF last IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE app.tenant_heads SET floor = last, updated_at = now() WHERE tenant_id = tenant AND floor < last;
    DELETE FROM app.events WHERE tenant_id = tenant AND seq <= last;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$;

GRANT CREATE ON SCHEMA app TO hub_log;
ALTER FUNCTION app.create_head() OWNER TO hub_log;
ALTER FUNCTION app.raise_order_version() OWNER TO hub_log;
ALTER FUNCTION app.log_timeline() OWNER TO hub_log;
ALTER FUNCTION app.take_head(uuid) OWNER TO hub_log;
ALTER FUNCTION app.ring_bell() OWNER TO hub_log;
ALTER FUNCTION app.log_order() OWNER TO hub_log;
ALTER FUNCTION app.log_menu_item() OWNER TO hub_log;
ALTER FUNCTION app.log_low_stock() OWNER TO hub_log;
ALTER FUNCTION app.comebacks_due(interval) OWNER TO hub_log;
ALTER FUNCTION app.bring_back(uuid, integer) OWNER TO hub_log;
ALTER FUNCTION app.log_hotel() OWNER TO hub_log;
ALTER FUNCTION app.end_topic(uuid, uuid, text) OWNER TO hub_log;
ALTER FUNCTION app.log_topic_end() OWNER TO hub_log;
ALTER FUNCTION app.log_phone() OWNER TO hub_log;
ALTER FUNCTION app.log_stay_start() OWNER TO hub_log;
ALTER FUNCTION app.tell(uuid, uuid, text, text, json) OWNER TO hub_log;
ALTER FUNCTION app.log_stay() OWNER TO hub_log;
ALTER FUNCTION app.log_screen() OWNER TO hub_log;
ALTER FUNCTION app.log_silence() OWNER TO hub_log;
ALTER FUNCTION app.silent_tablets_due(timestamptz) OWNER TO hub_log;
ALTER FUNCTION app.note_silent_tablets(uuid, timestamptz, integer) OWNER TO hub_log;
ALTER FUNCTION app.log_tenant_end() OWNER TO hub_log;
ALTER FUNCTION app.check_log_origin(bigint, integer) OWNER TO hub_log;
ALTER FUNCTION app.prune_events(uuid, timestamptz, integer) OWNER TO hub_log;
REVOKE CREATE ON SCHEMA app FROM hub_log;
GRANT EXECUTE ON FUNCTION app.log_timeline() TO hub_relay;
GRANT EXECUTE ON FUNCTION app.check_log_origin(bigint, integer) TO hub_relay;
GRANT EXECUTE ON FUNCTION app.prune_events(uuid, timestamptz, integer) TO hub_relay;
GRANT EXECUTE ON FUNCTION app.comebacks_due(interval), app.bring_back(uuid, integer) TO hub_relay;
GRANT EXECUTE ON FUNCTION app.silent_tablets_due(timestamptz), app.note_silent_tablets(uuid, timestamptz, integer)
    TO hub_relay;
