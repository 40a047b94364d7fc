-- The ladder of an order that nobody sees or accepts, and what goes out of the house with its steps.

-- Addresses of a hotel's own that are told. The secret signs what is sent, and is shown once.
CREATE TABLE app.webhooks (
    tenant_id uuid NOT NULL CONSTRAINT webhooks_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    url text NOT NULL CONSTRAINT webhooks_url_form CHECK (url ~ '^https?://[^[:space:]]+$' AND length(url) <= 2000),
    secret_encrypted text,
    events text[] NOT NULL CONSTRAINT webhooks_events_known
        CHECK (events <@ '{order.unseen,order.unaccepted,order.paged}' AND cardinality(events) > 0),
    description text CONSTRAINT webhooks_description_length CHECK (length(description) <= 200),
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT webhooks_pkey PRIMARY KEY (tenant_id, id),
    -- a secret that nobody needs any more is not kept
    CONSTRAINT webhooks_deleted_has_no_secret CHECK ((deleted_at IS NULL) = (secret_encrypted IS NOT NULL)),
    CONSTRAINT webhooks_deleted_is_not_active CHECK (deleted_at IS NULL OR NOT is_active)
);
SELECT app.protect_tenant_table('app.webhooks');
GRANT SELECT, INSERT, UPDATE ON app.webhooks TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.webhooks TO hub_admin;
GRANT SELECT ON app.webhooks TO hub_log;
CREATE POLICY log ON app.webhooks FOR SELECT TO hub_log USING (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.webhooks FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.webhooks FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.webhooks FOR EACH ROW
    EXECUTE FUNCTION app.audit_row('id', 'secret_encrypted');

-- What is on its way: to one of these addresses, or as a letter to a member of staff. Written in the transaction of what
-- it tells of, tried until it is delivered or too old. Not audited: the order and the address are, and this is the
-- record of what became of them.
CREATE TABLE app.deliveries (
    tenant_id uuid NOT NULL CONSTRAINT deliveries_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    webhook_id uuid,
    staff_id uuid,
    order_id uuid,
    kind text NOT NULL CONSTRAINT deliveries_kind_known
        CHECK (kind IN ('order.unseen', 'order.unaccepted', 'order.paged', 'webhook.test')),
    -- as it is signed and sent
    payload json NOT NULL,
    attempts integer NOT NULL DEFAULT 0 CONSTRAINT deliveries_attempts_not_negative CHECK (attempts >= 0),
    -- NULL: it is not tried any more
    next_attempt_at timestamptz DEFAULT now(),
    delivered_at timestamptz,
    last_attempt_at timestamptz,
    last_status integer,
    last_error text CONSTRAINT deliveries_last_error_form CHECK (last_error ~ '^[a-z_]{1,40}$'),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT deliveries_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT deliveries_webhook_fkey FOREIGN KEY (tenant_id, webhook_id) REFERENCES app.webhooks (tenant_id, id),
    CONSTRAINT deliveries_staff_fkey FOREIGN KEY (tenant_id, staff_id) REFERENCES app.staff (tenant_id, id),
    CONSTRAINT deliveries_order_fkey FOREIGN KEY (tenant_id, order_id)
        REFERENCES app.orders (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT deliveries_one_addressee CHECK ((webhook_id IS NULL) <> (staff_id IS NULL)),
    CONSTRAINT deliveries_delivered_is_over CHECK (delivered_at IS NULL OR next_attempt_at IS NULL)
) WITH (fillfactor = 85);
-- each step of an order goes to everybody once, whoever raises it
CREATE UNIQUE INDEX deliveries_once ON app.deliveries (tenant_id, order_id, kind, coalesce(webhook_id, staff_id))
    WHERE order_id IS NOT NULL;
-- what waits for each addressee, in the order in which it goes
CREATE INDEX deliveries_waiting
    ON app.deliveries ((coalesce(webhook_id, staff_id)), (kind <> 'webhook.test'), created_at, id)
    WHERE next_attempt_at IS NOT NULL;
CREATE INDEX deliveries_of_webhook ON app.deliveries (tenant_id, webhook_id, created_at DESC) WHERE webhook_id IS NOT NULL;
CREATE INDEX deliveries_age ON app.deliveries (tenant_id, created_at);
SELECT app.protect_tenant_table('app.deliveries');
GRANT SELECT, INSERT, UPDATE ON app.deliveries TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.deliveries TO hub_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.deliveries TO hub_log;
CREATE POLICY log ON app.deliveries TO hub_log USING (true) WITH CHECK (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.deliveries FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();

-- The steps that are still to come for orders that nobody has accepted, and when. Counted from when the database stored
-- the order: the clock of the node that placed it may be wrong. `unseen` and `hook` are for those that no screen has shown.
-- Nobody waits for what the guest has taken from the room's own fridge.
CREATE VIEW app.order_alerts WITH (security_invoker = true) AS
SELECT
    o.tenant_id,
    o.id AS order_id,
    coalesce(o.fire_at, o.created_at) AS waiting_since,
    s.place,
    s.step,
    greatest(o.created_at, o.fire_at) + make_interval(secs => s.seconds) AS due_at
FROM app.orders AS o
JOIN app.tenants AS t ON t.id = o.tenant_id
CROSS JOIN LATERAL (
    VALUES
        (1, 'unseen', coalesce((t.settings ->> 'alert_unseen_seconds')::integer, 10), o.shown_at IS NULL),
        (2, 'hook', coalesce((t.settings ->> 'alert_hook_seconds')::integer, 30), o.shown_at IS NULL),
        (3, 'chime', coalesce((t.settings ->> 'alert_chime_seconds')::integer, 90), true),
        (4, 'page', coalesce((t.settings ->> 'alert_page_seconds')::integer, 180), true)
) AS s (place, step, seconds, applies)
WHERE o.status = 'received' AND o.accepted_at IS NULL AND NOT o.alerts ? 'page' AND o.version > 0
    AND o.delivery_type <> 'fridge' AND s.applies AND NOT o.alerts ? s.step;
GRANT SELECT ON app.order_alerts TO hub_api, hub_admin, hub_log;

-- The hotels with a step that is due within `ahead`, and in how many seconds; less than 0 is late. In one that is not
-- served nobody could accept an order. The orders come first: they are few, whatever the number of hotels.
CREATE FUNCTION app.alerts_due(ahead interval) RETURNS TABLE (tenant_id uuid, seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH due AS MATERIALIZED (
        SELECT a.tenant_id, min(a.due_at) AS due_at
        FROM app.order_alerts AS a
        WHERE a.waiting_since <= now() + ahead AND a.due_at <= now() + ahead
        GROUP BY a.tenant_id
    )
    SELECT due.tenant_id, extract(epoch FROM due.due_at - now())::double precision
    FROM due
    JOIN app.tenants AS t ON t.id = due.tenant_id
    WHERE app.tenant_state(t.status, t.contract_start, t.contract_end, t.time_zone) = 'active'
    ORDER BY due.due_at
$$;

-- Takes the steps of a hotel that are due, for at most `batch` orders, each once: who comes second waits for no order
-- that another one has, and looks again at each that it has got. With the steps goes what they send out: to the hotel's
-- addresses, and with `letters` to its managers. Returns what was taken.
CREATE FUNCTION app.raise_alerts(tenant uuid, letters boolean, batch integer)
RETURNS TABLE (order_id uuid, step text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taken uuid;
    due text[];
    is_sent record;
    body json;
BEGIN
    IF NOT EXISTS (
        SELECT FROM app.tenants AS t
        WHERE t.id = tenant AND app.tenant_state(t.status, t.contract_start, t.contract_end, t.time_zone) = 'active'
    ) THEN
        RETURN;
    END IF;
    FOR taken IN
        SELECT o.id FROM app.orders AS o
        WHERE o.tenant_id = tenant AND coalesce(o.fire_at, o.created_at) <= now()
            AND o.status = 'received' AND o.accepted_at IS NULL AND NOT o.alerts ? 'page'
            AND EXISTS (
                SELECT FROM app.order_alerts AS a
                WHERE a.tenant_id = o.tenant_id AND a.order_id = o.id AND a.due_at <= now()
            )
        ORDER BY o.id LIMIT batch
        FOR NO KEY UPDATE OF o SKIP LOCKED
    LOOP
        due := ARRAY(
            SELECT a.step FROM app.order_alerts AS a
            WHERE a.tenant_id = tenant AND a.order_id = taken AND a.due_at <= now()
            ORDER BY a.place
        );
        CONTINUE WHEN cardinality(due) = 0;
        UPDATE app.orders AS o
        SET alerts = o.alerts || (SELECT jsonb_object_agg(one, app.iso(now())) FROM unnest(due) AS one)
        WHERE o.tenant_id = tenant AND o.id = taken;
        FOR is_sent IN
            SELECT s.step, s.kind
            FROM (VALUES ('hook', 'order.unseen'), ('chime', 'order.unaccepted'), ('page', 'order.paged')) AS s (step, kind)
            WHERE s.step = ANY (due)
            ORDER BY array_position(due, s.step)
        LOOP
            SELECT row_to_json(told) INTO body
            FROM (
                SELECT
                    is_sent.kind AS type,
                    app.iso(now()) AS timestamp,
                    (
                        SELECT row_to_json(data)
                        FROM (
                            SELECT
                                o.id AS order_id, o.order_number, o.room_number, is_sent.step, o.channel,
                                app.iso(o.placed_at) AS placed_at, app.iso(o.fire_at) AS fire_at,
                                app.iso(o.shown_at) AS shown_at
                            FROM app.orders AS o WHERE o.tenant_id = tenant AND o.id = taken
                        ) AS data
                    ) AS data
            ) AS told;
            INSERT INTO app.deliveries (tenant_id, webhook_id, order_id, kind, payload)
            SELECT w.tenant_id, w.id, taken, is_sent.kind, body FROM app.webhooks AS w
            WHERE w.tenant_id = tenant AND w.is_active AND w.events @> ARRAY[is_sent.kind]
            ON CONFLICT DO NOTHING;
            IF letters AND is_sent.step = 'page' THEN
                INSERT INTO app.deliveries (tenant_id, staff_id, order_id, kind, payload)
                SELECT p.tenant_id, p.id, taken, is_sent.kind, body FROM app.staff AS p
                WHERE p.tenant_id = tenant AND p.role = 'manager' AND p.is_active AND p.email_verified
                    AND p.deleted_at IS NULL
                ON CONFLICT DO NOTHING;
            END IF;
        END LOOP;
        RETURN QUERY SELECT taken, one FROM unnest(due) AS one;
    END LOOP;
END
$$;

-- Takes deliveries that are due, letters or the others: at most `most`, one to each addressee, a test or else the oldest,
-- from hotels that are served. None to those that are `busy`, and to those that are `resting` only what somebody tries them
-- with. A hotel has at most `share` at once, and those that are under way stand in `under_way`, each with its hotel; who has
-- the fewest comes first. Looks at the addressees one by one, and so at no more of a long line than its head. Nobody else
-- takes what is taken for the time of the lease: whoever takes one and dies has not lost it.
CREATE FUNCTION app.claim_deliveries(
    letters boolean, busy uuid[], resting uuid[], under_way uuid[], share integer, most integer, lease interval
)
RETURNS TABLE (tenant_id uuid, id uuid, webhook_id uuid, staff_id uuid, kind text, payload text, attempts integer,
               created_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH RECURSIVE waiting AS (
        (
            SELECT coalesce(d.webhook_id, d.staff_id) AS addressee
            FROM app.deliveries AS d WHERE d.next_attempt_at IS NOT NULL
            ORDER BY 1 LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT coalesce(d.webhook_id, d.staff_id)
            FROM app.deliveries AS d
            WHERE d.next_attempt_at IS NOT NULL AND coalesce(d.webhook_id, d.staff_id) > w.addressee
            ORDER BY 1 LIMIT 1
        )
        FROM waiting AS w WHERE w.addressee IS NOT NULL
    ), head AS MATERIALIZED (
        SELECT d.tenant_id, d.id, d.next_attempt_at
        FROM waiting AS w
        CROSS JOIN LATERAL (
            SELECT d.tenant_id, d.id, d.kind, d.next_attempt_at
            FROM app.deliveries AS d
            WHERE coalesce(d.webhook_id, d.staff_id) = w.addressee AND (d.staff_id IS NOT NULL) = letters
                AND d.next_attempt_at <= now() AND d.created_at > now() - interval '24 hours'
            ORDER BY d.kind <> 'webhook.test', d.created_at, d.id LIMIT 1
        ) AS d
        WHERE w.addressee NOT IN (SELECT unnest(busy))
            AND (d.kind = 'webhook.test' OR w.addressee NOT IN (SELECT unnest(resting)))
    ), turn AS MATERIALIZED (
        SELECT
            h.tenant_id, h.id, h.next_attempt_at,
            (SELECT count(*) FROM unnest(under_way) AS hotel WHERE hotel = h.tenant_id)
                + row_number() OVER (PARTITION BY h.tenant_id ORDER BY h.next_attempt_at, h.id) AS place
        FROM head AS h
        JOIN app.tenants AS t ON t.id = h.tenant_id
        WHERE app.tenant_state(t.status, t.contract_start, t.contract_end, t.time_zone) = 'active'
    ), mine AS MATERIALIZED (
        SELECT d.tenant_id, d.id
        FROM turn
        JOIN app.deliveries AS d ON d.tenant_id = turn.tenant_id AND d.id = turn.id
        -- looked at again under the lock, and in a form that no plan reads all that wait for
        WHERE turn.place <= share AND coalesce(d.next_attempt_at, 'infinity') <= now()
        ORDER BY turn.place, turn.next_attempt_at, turn.id LIMIT most
        FOR NO KEY UPDATE OF d SKIP LOCKED
    )
    UPDATE app.deliveries AS d
    SET attempts = d.attempts + 1, last_attempt_at = now(), next_attempt_at = now() + lease
    FROM mine
    WHERE d.tenant_id = mine.tenant_id AND d.id = mine.id
    RETURNING d.tenant_id, d.id, d.webhook_id, d.staff_id, d.kind, d.payload::text, d.attempts, d.created_at;
END
$$;

-- Deletes at most `batch` of a tenant's deliveries made before `before`; returns how many went.
CREATE FUNCTION app.prune_deliveries(tenant uuid, before timestamptz, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone integer;
BEGIN
    DELETE FROM app.deliveries AS d
    WHERE d.tenant_id = tenant AND d.ctid = ANY (ARRAY(
        SELECT old.ctid FROM app.deliveries AS old
        WHERE old.tenant_id = tenant AND old.created_at < before
        ORDER BY old.created_at LIMIT batch
    ));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$;

GRANT CREATE ON SCHEMA app TO hub_log;
ALTER FUNCTION app.alerts_due(interval) OWNER TO hub_log;
ALTER FUNCTION app.raise_alerts(uuid, boolean, integer) OWNER TO hub_log;
ALTER FUNCTION app.claim_deliveries(boolean, uuid[], uuid[], uuid[], integer, integer, interval) OWNER TO hub_log;
ALTER FUNCTION app.prune_deliveries(uuid, timestamptz, integer) OWNER TO hub_log;
REVOKE CREATE ON SCHEMA app FROM hub_log;
GRANT EXECUTE ON FUNCTION app.alerts_due(interval), app.raise_alerts(uuid, boolean, integer),
    app.claim_deliveries(boolean, uuid[], uuid[], uuid[], integer, integer, interval),
    app.prune_deliveries(uuid, timestamptz, integer) TO hub_relay;
