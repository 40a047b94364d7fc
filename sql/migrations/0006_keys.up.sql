-- Keys, all of them wrapped by a master key that never stands in the database.

-- A hotel's own keys: one encrypts its personal data, one makes blind indexes. A retired one still decrypts.
CREATE TABLE app.data_keys (
    tenant_id uuid NOT NULL CONSTRAINT data_keys_tenant_fkey REFERENCES app.tenants (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    purpose text NOT NULL CONSTRAINT data_keys_purpose_known CHECK (purpose IN ('field', 'index')),
    wrapped text NOT NULL CONSTRAINT data_keys_wrapped_form CHECK (wrapped ~ '^m1:'),
    retired_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT data_keys_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX data_keys_one_in_use ON app.data_keys (tenant_id, purpose) WHERE retired_at IS NULL;
SELECT app.protect_tenant_table('app.data_keys');
GRANT SELECT, INSERT ON app.data_keys TO hub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.data_keys TO hub_admin;
CREATE TRIGGER touch BEFORE UPDATE ON app.data_keys FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF tenant_id, id ON app.data_keys FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.id) IS DISTINCT FROM (NEW.tenant_id, NEW.id)) EXECUTE FUNCTION app.refuse_new_key();

-- What tokens are signed with. A new key begins to sign only when every node knows it, and an old one verifies until
-- the last token that it has signed is over.
CREATE TABLE app.signing_keys (
    kid text CONSTRAINT signing_keys_pkey PRIMARY KEY
        CONSTRAINT signing_keys_kid_form CHECK (kid ~ '^[A-Za-z0-9._-]{1,64}$'),
    algorithm text NOT NULL DEFAULT 'HS256' CONSTRAINT signing_keys_algorithm_known CHECK (algorithm IN ('HS256')),
    wrapped text NOT NULL CONSTRAINT signing_keys_wrapped_form CHECK (wrapped ~ '^m1:'),
    signs_from timestamptz NOT NULL DEFAULT now(),
    verifies_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT ON app.signing_keys TO hub_auth;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.signing_keys TO hub_admin;
CREATE TRIGGER touch BEFORE UPDATE ON app.signing_keys FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER same_key BEFORE UPDATE OF kid ON app.signing_keys FOR EACH ROW
    WHEN (OLD.kid <> NEW.kid) EXECUTE FUNCTION app.refuse_new_key();
