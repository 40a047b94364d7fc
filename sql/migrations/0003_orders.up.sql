-- Orders, their items, and what makes placing them safe: the answers of operations, and the counters of numbers.

CREATE TABLE app.orders (
    tenant_id uuid NOT NULL CONSTRAINT orders_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    business_date date NOT NULL,
    order_number integer NOT NULL CONSTRAINT orders_order_number_positive CHECK (order_number > 0),
    stay_id uuid NOT NULL,
    room_number text NOT NULL CONSTRAINT orders_room_number_length CHECK (length(room_number) BETWEEN 1 AND 20),
    status text NOT NULL DEFAULT 'received' CONSTRAINT orders_status_known
        CHECK (status IN ('received', 'cooking', 'ready', 'delivering', 'delivered', 'cancelled')),
    -- kept by a trigger: 0 is an order whose items are not there yet, 1 a placed one
    version integer NOT NULL DEFAULT 0 CONSTRAINT orders_version_not_negative CHECK (version >= 0),
    subtotal_amount integer NOT NULL CONSTRAINT orders_subtotal_amount_not_negative CHECK (subtotal_amount >= 0),
    tax_amount integer NOT NULL CONSTRAINT orders_tax_amount_not_negative CHECK (tax_amount >= 0),
    service_amount integer NOT NULL DEFAULT 0 CONSTRAINT orders_service_amount_not_negative CHECK (service_amount >= 0),
    total_amount integer NOT NULL,
    prices_include_tax boolean NOT NULL,
    -- what the money was worked out with, to do it again when a line is cancelled
    service_charge_bp integer NOT NULL DEFAULT 0
        CONSTRAINT orders_service_charge_bp_range CHECK (service_charge_bp BETWEEN 0 AND 10000),
    service_tax_rate_bp integer NOT NULL DEFAULT 0
        CONSTRAINT orders_service_tax_rate_bp_range CHECK (service_tax_rate_bp BETWEEN 0 AND 10000),
    tax_rounding text NOT NULL DEFAULT 'floor'
        CONSTRAINT orders_tax_rounding_known CHECK (tax_rounding IN ('floor', 'round', 'ceil')),
    -- [{"rate_bp", "base_amount", "tax_amount"}]
    taxes jsonb NOT NULL DEFAULT '[]',
    delivery_type text NOT NULL DEFAULT 'room_service'
        CONSTRAINT orders_delivery_type_known CHECK (delivery_type IN ('room_service', 'fridge', 'takeaway')),
    delivery_address text,
    channel text NOT NULL DEFAULT 'tablet'
        CONSTRAINT orders_channel_known CHECK (channel IN ('tablet', 'phone', 'staff')),
    estimated_delivery_at timestamptz,
    -- what the stay had declared when it ordered, when all stations that it concerns have taken note, and which have
    declared_allergens text[] NOT NULL DEFAULT '{}',
    allergens_version text,
    allergy_acked_at timestamptz,
    allergy_acked_stations text[] NOT NULL DEFAULT '{}',
    special_requests text CONSTRAINT orders_special_requests_length CHECK (length(special_requests) <= 500),
    -- the receipt chain: stored (placed), shown on a screen, accepted by a human
    placed_at timestamptz NOT NULL DEFAULT now(),
    shown_at timestamptz,
    accepted_at timestamptz,
    ready_at timestamptz,
    finished_at timestamptz,
    -- when nobody sees or accepts it: {"unseen", "hook", "chime", "page"}, when each step was taken
    alerts jsonb NOT NULL DEFAULT '{}',
    -- a scheduled order: when the kitchen begins, and when the guest wants it
    fire_at timestamptz,
    due_at timestamptz,
    rush boolean NOT NULL DEFAULT false,
    -- orders that a runner carries together
    trip_id uuid,
    recall_count integer NOT NULL DEFAULT 0 CONSTRAINT orders_recall_count_not_negative CHECK (recall_count >= 0),
    cancelled_at timestamptz,
    cancel_reason text CONSTRAINT orders_cancel_reason_length CHECK (length(cancel_reason) <= 200),
    cancel_acked_at timestamptz,
    cancel_acked_stations text[] NOT NULL DEFAULT '{}',
    -- who bumped last and what stood before, for the undo of a bump
    last_bump jsonb,
    op_id uuid,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT orders_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT orders_stay_fkey FOREIGN KEY (tenant_id, stay_id) REFERENCES app.stays (tenant_id, id),
    CONSTRAINT orders_number_key UNIQUE (tenant_id, business_date, order_number),
    CONSTRAINT orders_amounts_add_up
        CHECK (total_amount = subtotal_amount + service_amount + CASE WHEN prices_include_tax THEN 0 ELSE tax_amount END),
    CONSTRAINT orders_finished_when_final CHECK ((status IN ('delivered', 'cancelled')) = (finished_at IS NOT NULL))
) WITH (fillfactor = 85);
CREATE INDEX orders_active ON app.orders (tenant_id, created_at, id)
    WHERE status IN ('received', 'cooking', 'ready', 'delivering');
CREATE INDEX orders_unacknowledged ON app.orders (tenant_id, created_at, id)
    WHERE status = 'cancelled' AND cancel_acked_at IS NULL;
CREATE INDEX orders_unaccepted ON app.orders ((coalesce(fire_at, created_at)))
    WHERE status = 'received' AND accepted_at IS NULL AND NOT alerts ? 'page';
CREATE INDEX orders_finished ON app.orders (tenant_id, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX orders_keyset ON app.orders (tenant_id, created_at DESC, id DESC);
CREATE INDEX orders_room ON app.orders (tenant_id, room_number, created_at DESC);
CREATE INDEX orders_stay ON app.orders (tenant_id, stay_id, created_at DESC, id DESC);
CREATE INDEX orders_guest_data ON app.orders (tenant_id, stay_id)
    WHERE declared_allergens <> '{}' OR allergens_version IS NOT NULL;
SELECT app.protect_tenant_table('app.orders');
GRANT SELECT, INSERT, UPDATE ON app.orders TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.orders TO hub_admin;
GRANT SELECT, UPDATE ON app.orders TO hub_log;
CREATE POLICY log ON app.orders TO hub_log USING (true) WITH CHECK (true);

CREATE TABLE app.order_items (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    line integer NOT NULL CONSTRAINT order_items_line_positive CHECK (line > 0),
    menu_item_id uuid NOT NULL,
    -- snapshots: what was sold, whatever the menu says later
    name_ja text NOT NULL,
    name_en text NOT NULL,
    description_ja text,
    description_en text,
    -- [{"key", "group_ja", "group_en", "name_ja", "name_en", "price"}]; unit_price includes them
    options jsonb NOT NULL DEFAULT '[]',
    allergens text[],
    -- what its stay had declared and this holds
    conflicts text[] NOT NULL DEFAULT '{}',
    fulfilment text NOT NULL DEFAULT 'room_service'
        CONSTRAINT order_items_fulfilment_known CHECK (fulfilment IN ('room_service', 'fridge')),
    tax_class text NOT NULL,
    tax_rate_bp integer NOT NULL CONSTRAINT order_items_tax_rate_bp_range CHECK (tax_rate_bp BETWEEN 0 AND 10000),
    unit_price integer NOT NULL CONSTRAINT order_items_unit_price_not_negative CHECK (unit_price >= 0),
    quantity integer NOT NULL CONSTRAINT order_items_quantity_range CHECK (quantity BETWEEN 1 AND 99),
    total_price integer NOT NULL,
    status text NOT NULL DEFAULT 'pending'
        CONSTRAINT order_items_status_known CHECK (status IN ('pending', 'cooking', 'ready', 'cancelled')),
    note text CONSTRAINT order_items_note_length CHECK (length(note) <= 200),
    station text NOT NULL,
    preparation_minutes integer NOT NULL,
    age_restricted boolean NOT NULL DEFAULT false,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT order_items_pkey PRIMARY KEY (tenant_id, order_id, line),
    CONSTRAINT order_items_order_fkey FOREIGN KEY (tenant_id, order_id)
        REFERENCES app.orders (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT order_items_menu_item_fkey FOREIGN KEY (tenant_id, menu_item_id)
        REFERENCES app.menu_items (tenant_id, id),
    CONSTRAINT order_items_total_adds_up CHECK (total_price = unit_price * quantity)
) WITH (fillfactor = 85);
SELECT app.protect_tenant_table('app.order_items');
GRANT SELECT, INSERT, UPDATE ON app.order_items TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.order_items TO hub_admin;
GRANT SELECT, UPDATE (conflicts) ON app.order_items TO hub_log;
CREATE POLICY log ON app.order_items TO hub_log USING (true) WITH CHECK (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.order_items FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, order_id, line ON app.order_items FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.order_id, OLD.line) IS DISTINCT FROM (NEW.tenant_id, NEW.order_id, NEW.line))
    EXECUTE FUNCTION app.refuse_new_key();

-- Human numbers start at 1 on each business day. The row is taken after stock and before the log's head.
CREATE TABLE app.order_counters (
    tenant_id uuid NOT NULL CONSTRAINT order_counters_tenant_fkey REFERENCES app.tenants (id),
    business_date date NOT NULL,
    last_number integer NOT NULL CONSTRAINT order_counters_last_number_positive CHECK (last_number > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT order_counters_pkey PRIMARY KEY (tenant_id, business_date)
) WITH (fillfactor = 50);
SELECT app.protect_tenant_table('app.order_counters');
GRANT SELECT, INSERT, UPDATE ON app.order_counters TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.order_counters TO hub_admin;
CREATE TRIGGER touch BEFORE UPDATE ON app.order_counters FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();

-- The answer of each committed operation, so that the same operation id twice is one change and one answer.
CREATE TABLE app.idempotency (
    tenant_id uuid NOT NULL CONSTRAINT idempotency_tenant_fkey REFERENCES app.tenants (id),
    principal_id uuid NOT NULL,
    op_id uuid NOT NULL,
    operation text NOT NULL,
    request_hash bytea NOT NULL CONSTRAINT idempotency_request_hash_sha256 CHECK (octet_length(request_hash) = 32),
    -- text, so that the same bytes are answered again
    answer text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_pkey PRIMARY KEY (tenant_id, principal_id, op_id)
);
CREATE INDEX idempotency_age ON app.idempotency (tenant_id, created_at);
SELECT app.protect_tenant_table('app.idempotency');
GRANT SELECT, INSERT, UPDATE ON app.idempotency TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.idempotency TO hub_admin;
GRANT SELECT, DELETE ON app.idempotency TO hub_log;
CREATE POLICY log ON app.idempotency TO hub_log USING (true);
CREATE TRIGGER touch BEFORE UPDATE ON app.idempotency FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();

-- Takes an operation id for this transaction; no row when it was used already. Waits for a transaction that holds it,
-- and sees what that one has committed. Functions, because they come along with BEGIN and COMMIT as text: their plans are
-- kept, those of statements would not.
CREATE FUNCTION app.claim_operation(principal uuid, op uuid) RETURNS SETOF boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    -- two keys: clients choose ids, and must not reach the hub's other locks, which have one
    PERFORM pg_advisory_xact_lock(hashtext('hub operation'), hashtext(principal::text || op::text));
    RETURN QUERY SELECT true WHERE NOT EXISTS (
        SELECT FROM app.idempotency WHERE tenant_id = app.tenant_id() AND principal_id = principal AND op_id = op
    );
END
$$;

-- Stores the answer of an operation that this transaction has taken, beside its change.
CREATE FUNCTION app.answer_operation(principal uuid, op uuid, name text, hash bytea, told text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO app.idempotency (tenant_id, principal_id, op_id, operation, request_hash, answer)
    VALUES (app.tenant_id(), principal, op, name, hash, told);
END
$$;
GRANT EXECUTE ON FUNCTION app.claim_operation(uuid, uuid), app.answer_operation(uuid, uuid, text, bytea, text) TO hub_api;

-- Keeps what no writer may forget: the version rises with every change, and a status that ends an order
-- carries its time, also when psql or another system writes.
CREATE FUNCTION app.stamp_order() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        -- 1 from a writer whose statement brings the items too
        NEW.version := CASE WHEN NEW.version = 1 THEN 1 ELSE 0 END;
    ELSIF NEW IS DISTINCT FROM OLD THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    IF NEW.status IN ('delivered', 'cancelled') THEN
        NEW.finished_at := coalesce(NEW.finished_at, now());
    ELSE
        NEW.finished_at := NULL;
    END IF;
    IF NEW.status = 'cancelled' THEN
        NEW.cancelled_at := coalesce(NEW.cancelled_at, NEW.finished_at);
    ELSE
        NEW.cancelled_at := NULL;
        IF NEW.status IN ('ready', 'delivering', 'delivered') THEN
            NEW.ready_at := coalesce(NEW.ready_at, now());
        ELSE
            NEW.ready_at := NULL;
        END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON app.orders FOR EACH ROW EXECUTE FUNCTION app.stamp_order();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.orders FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();

-- An order as its guest and the kitchen may see it: no personal data, nothing that only staff may read.
CREATE VIEW app.order_documents WITH (security_invoker = true) AS
SELECT
    o.tenant_id,
    o.id,
    o.stay_id,
    o.status,
    o.created_at,
    o.finished_at,
    o.cancel_acked_at,
    (
        SELECT row_to_json(shown)
        FROM (
            SELECT
                o.id,
                o.order_number,
                to_char(o.business_date, 'YYYY-MM-DD') AS business_date,
                o.stay_id,
                o.room_number,
                o.status,
                o.version,
                o.subtotal_amount,
                o.tax_amount,
                o.service_amount,
                o.total_amount,
                o.prices_include_tax,
                o.service_charge_bp,
                o.taxes,
                o.channel,
                app.iso(o.fire_at) AS fire_at,
                app.iso(o.due_at) AS due_at,
                app.iso(o.estimated_delivery_at) AS estimated_delivery_at,
                o.rush,
                o.trip_id,
                o.declared_allergens,
                app.iso(o.allergy_acked_at) AS allergy_acked_at,
                o.allergy_acked_stations,
                o.alerts,
                o.special_requests,
                app.iso(o.placed_at) AS placed_at,
                app.iso(o.shown_at) AS shown_at,
                app.iso(o.accepted_at) AS accepted_at,
                app.iso(o.ready_at) AS ready_at,
                app.iso(o.finished_at) AS finished_at,
                app.iso(o.cancelled_at) AS cancelled_at,
                o.cancel_reason,
                app.iso(o.cancel_acked_at) AS cancel_acked_at,
                o.cancel_acked_stations,
                o.recall_count,
                array_to_json(ARRAY(
                    SELECT row_to_json(item)
                    FROM (
                        SELECT
                            i.line,
                            i.menu_item_id,
                            i.name_ja,
                            i.name_en,
                            i.quantity,
                            i.unit_price,
                            i.total_price,
                            i.tax_rate_bp,
                            i.status,
                            i.note,
                            i.options,
                            i.station,
                            i.fulfilment,
                            i.allergens,
                            i.conflicts,
                            i.preparation_minutes,
                            i.age_restricted
                        FROM app.order_items AS i
                        WHERE i.tenant_id = o.tenant_id AND i.order_id = o.id
                        ORDER BY i.line
                    ) AS item
                )) AS items
        ) AS shown
    ) AS document
FROM app.orders AS o
WHERE o.version > 0;  -- not before its items are there
GRANT SELECT ON app.order_documents TO hub_api, hub_admin, hub_log;

-- The document of an order, and the items of one, as they are when a statement calls these: what it has changed so far
-- is seen, and what was committed while it waited for the order's lock. The statement itself sees neither; volatile
-- functions do.
CREATE FUNCTION app.order_now(tenant uuid, wanted uuid) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT d.document FROM app.order_documents AS d WHERE d.tenant_id = tenant AND d.id = wanted);
END
$$;
CREATE FUNCTION app.order_items_now(tenant uuid, wanted uuid) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (
        SELECT coalesce(json_agg(json_build_object(
            'line', i.line, 'menu_item_id', i.menu_item_id, 'quantity', i.quantity, 'status', i.status,
            'needs_cooking', i.preparation_minutes > 0, 'age_restricted', i.age_restricted,
            'unit_price', i.unit_price, 'tax_rate_bp', i.tax_rate_bp, 'station', i.station, 'conflicts', i.conflicts
        ) ORDER BY i.line), '[]')
        FROM app.order_items AS i
        WHERE i.tenant_id = tenant AND i.order_id = wanted
    );
END
$$;
GRANT EXECUTE ON FUNCTION app.order_now(uuid, uuid), app.order_items_now(uuid, uuid) TO hub_api;

-- Deletes at most `batch` of a tenant's answers of operations given before `before`; returns how many went.
CREATE FUNCTION app.prune_operations(tenant uuid, before timestamptz, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone integer;
BEGIN
    DELETE FROM app.idempotency AS i
    WHERE i.tenant_id = tenant AND i.ctid = ANY (ARRAY(
        SELECT old.ctid FROM app.idempotency AS old
        WHERE old.tenant_id = tenant AND old.created_at < before
        ORDER BY old.created_at LIMIT batch
    ));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$;

-- hub_log needs CREATE for the moment in which it is handed the function.
GRANT CREATE ON SCHEMA app TO hub_log;
ALTER FUNCTION app.prune_operations(uuid, timestamptz, integer) OWNER TO hub_log;
REVOKE CREATE ON SCHEMA app FROM hub_log;
GRANT EXECUTE ON FUNCTION app.prune_operations(uuid, timestamptz, integer) TO hub_relay;
