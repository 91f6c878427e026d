-- The schema at its first release, by subject:
--
--   1  used by every part             5  ledger
--   2  organizations and people       6  holds and usage
--   3  keys and guardrails            7  administration
--   4  catalog                        8  lookups and notifications for the services
--
-- This file never changes: every later change is a new migration. roles.sql defines what each role may do.
-- Amounts are nano-credits (10^-9 credit). Ids are lowercase letters, digits and hyphens, at most 63 characters.


-- 1. Used by every part -----------------------------------------------------------------------------------------------------------

-- The policies below name the roles, so the roles must exist. roles.sql gives them their attributes and rights.
-- Roles belong to the whole server, so the migration of another database may create them concurrently.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['megarouter_authz', 'megarouter_usage', 'megarouter_admin', 'megarouter_audit'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
    END LOOP;
END $$;

-- The applied migrations. Services read this table to check that the database has the schema that they need.
CREATE TABLE schema_migrations (
    name                 text PRIMARY KEY,
    -- SHA-256 of the file, in hexadecimal.
    digest               text NOT NULL,
    apply_time           timestamptz NOT NULL DEFAULT now()
);

-- The wall between organizations (INV-12). A transaction names the organizations it acts for in `megarouter.organizations` (ids
-- separated by commas), and sees and writes only their rows. A transaction that names none sees nothing. With `*`, usage_service
-- may read and lock the rows of every organization, to sweep and to follow all ledgers. To write, it must name the organizations.
-- The owner of the tables is exempt, and so are the SECURITY DEFINER functions below. Call this procedure for every table with an
-- `organization_id`.
CREATE PROCEDURE divide_by_organization(divided regclass) LANGUAGE plpgsql AS $$
DECLARE
    acts_for CONSTANT text :=
        $sql$ organization_id = ANY ((SELECT string_to_array(current_setting('megarouter.organizations', true), ','))::text[]) $sql$;
    acts_for_all CONSTANT text := $sql$ (SELECT current_setting('megarouter.organizations', true)) = '*' $sql$;
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', divided);
    EXECUTE format(
        'CREATE POLICY organization_wall ON %s TO megarouter_authz, megarouter_usage, megarouter_admin USING (%s) WITH CHECK (%s)',
        divided, acts_for, acts_for);
    EXECUTE format('CREATE POLICY every_organization_read ON %s FOR SELECT TO megarouter_usage USING (%s)', divided, acts_for_all);
    EXECUTE format('CREATE POLICY every_organization_lock ON %s FOR UPDATE TO megarouter_usage USING (%s) WITH CHECK (false)',
                   divided, acts_for_all);
    EXECUTE format('CREATE POLICY audit_reads ON %s FOR SELECT TO megarouter_audit USING (true)', divided);
END $$;

-- Refuses every change of an immutable row, even by the owner (INV-02).
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are immutable: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION set_update_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.update_time := clock_timestamp();
    RETURN NEW;
END $$;

-- Unpacks one column of a batch from a text: 0x1f before each value, 0x1e for NULL. The driver encodes and PostgreSQL reads such a
-- text at a fraction of the cost of an array or JSON. Services remove both characters from callers' input, so neither is ever
-- stored.
CREATE FUNCTION unpacked(packed text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT (string_to_array(packed, E'\x1f', E'\x1e'))[2:]
$$;


-- 2. Organizations and people -----------------------------------------------------------------------------------------------------

CREATE TABLE organizations (
    organization_id      text PRIMARY KEY CHECK (organization_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    -- PERSONAL: the account of one user, without groups, invites or other members.
    kind                 text NOT NULL DEFAULT 'ORGANIZATION' CHECK (kind IN ('ORGANIZATION', 'PERSONAL')),
    display_name         text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
    time_zone            text NOT NULL DEFAULT 'UTC',
    state                text NOT NULL DEFAULT 'ACTIVE' CHECK (state IN ('ACTIVE', 'SUSPENDED', 'DELETED')),
    -- STRICT estimates one token for each byte of the request, BALANCED one token for every four bytes.
    input_estimate       text NOT NULL DEFAULT 'BALANCED' CHECK (input_estimate IN ('STRICT', 'BALANCED')),
    -- What an expired hold is charged: all it reserved, only its input, or nothing.
    expired_hold_policy  text NOT NULL DEFAULT 'CHARGE_HOLD' CHECK (expired_hold_policy IN ('CHARGE_HOLD', 'CHARGE_INPUT', 'RELEASE')),
    -- The billing contact, who receives invoices.
    billing_email        text CHECK (length(billing_email) BETWEEN 3 AND 254),
    -- Set while suspended, and kept when deleted, so that undeleting restores the previous state.
    suspend_time         timestamptz,
    delete_time          timestamptz,
    -- The deletion can be undone until this time.
    purge_time           timestamptz,
    create_time          timestamptz NOT NULL DEFAULT now(),
    update_time          timestamptz NOT NULL DEFAULT now(),
    -- A personal account contains the audit log of its user's own changes, so it is never deleted.
    CONSTRAINT personal_accounts_stay CHECK (kind <> 'PERSONAL' OR state <> 'DELETED')
);
CALL divide_by_organization('organizations');

CREATE TABLE groups (
    organization_id      text NOT NULL REFERENCES organizations,
    group_id             text NOT NULL CHECK (group_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    parent_group_id      text,
    -- Ids from level 1 down to and including this group, so that a call reads its whole chain from one row.
    path                 text[] NOT NULL,
    display_name         text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
    -- Never cleared. The row stays, because usage records name the group and its id is never reused.
    delete_time          timestamptz,
    create_time          timestamptz NOT NULL DEFAULT now(),
    update_time          timestamptz NOT NULL DEFAULT now(),
    -- The path as text that sorts every group directly after its parent, because a space sorts before every character of an id.
    tree_order           text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
        path[1] || coalesce(' ' || path[2], '') || coalesce(' ' || path[3], '') || coalesce(' ' || path[4], '')) STORED,
    PRIMARY KEY (organization_id, group_id),
    FOREIGN KEY (organization_id, parent_group_id) REFERENCES groups (organization_id, group_id),
    CONSTRAINT four_levels CHECK (cardinality(path) BETWEEN 1 AND 4),
    CONSTRAINT path_ends_here CHECK (path[cardinality(path)] = group_id),
    CONSTRAINT path_passes_parent CHECK (
        (parent_group_id IS NULL AND cardinality(path) = 1) OR path[cardinality(path) - 1] = parent_group_id
    )
);
CREATE INDEX groups_by_ancestor ON groups USING gin (path);
CREATE INDEX groups_by_parent ON groups (organization_id, parent_group_id);
CREATE INDEX groups_by_tree ON groups (organization_id, tree_order);
CALL divide_by_organization('groups');

CREATE TRIGGER groups_update_time BEFORE UPDATE ON groups
    FOR EACH ROW WHEN ((OLD.display_name, OLD.path, OLD.delete_time) IS DISTINCT FROM (NEW.display_name, NEW.path, NEW.delete_time))
    EXECUTE FUNCTION set_update_time();

CREATE TABLE users (
    user_id              text PRIMARY KEY,
    -- NULL without a verified address, because an unverified one could belong to someone else.
    email                text UNIQUE CHECK (email = lower(email) AND position('@' IN email) > 1),
    display_name         text NOT NULL,
    -- The user's personal account; NULL until it is first needed.
    personal_organization_id text UNIQUE REFERENCES organizations,
    -- The account that the user chose last. Ignored unless the user is an active member of it.
    current_organization_id  text REFERENCES organizations,
    create_time          timestamptz NOT NULL DEFAULT now()
);

-- The identities of users at OpenID Connect identity providers.
CREATE TABLE user_identities (
    -- The claims `iss` and `sub`. Together they permanently identify a person, unlike an e-mail address.
    issuer               text NOT NULL CHECK (length(issuer) BETWEEN 1 AND 500),
    subject              text NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    user_id              text NOT NULL REFERENCES users,
    create_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX user_identities_by_user ON user_identities (user_id);

CREATE TABLE members (
    organization_id      text NOT NULL REFERENCES organizations,
    member_id            text NOT NULL CHECK (member_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    user_id              text NOT NULL REFERENCES users,
    -- NULL: a member of the organization itself, above every group.
    group_id             text,
    -- A copy of the group's path, which only triggers write.
    group_path           text[] NOT NULL DEFAULT '{}',
    role                 text NOT NULL CHECK (role IN ('SUPER_ADMIN', 'L1_ADMIN', 'SUB_ADMIN', 'MEMBER')),
    state                text NOT NULL DEFAULT 'ACTIVE' CHECK (state IN ('ACTIVE', 'SUSPENDED', 'REMOVED')),
    create_time          timestamptz NOT NULL DEFAULT now(),
    update_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, member_id),
    UNIQUE (organization_id, user_id),
    FOREIGN KEY (organization_id, group_id) REFERENCES groups (organization_id, group_id),
    CONSTRAINT group_admins_have_a_group CHECK (role NOT IN ('L1_ADMIN', 'SUB_ADMIN') OR group_id IS NOT NULL)
);
-- One index for each of the four levels, on the group at that level and the order of the list. With them, a page of a list takes
-- constant time, even inside a subtree. Removed members stay forever, but the partial indexes skip them.
CREATE INDEX members_by_user ON members (user_id);
CREATE INDEX members_by_group ON members (organization_id, group_id, member_id) WHERE state <> 'REMOVED';
CREATE INDEX members_of_organization ON members (organization_id, member_id) WHERE state <> 'REMOVED';
CREATE INDEX members_below_1 ON members (organization_id, (group_path[1]), member_id) WHERE group_path[1] IS NOT NULL;
CREATE INDEX members_below_2 ON members (organization_id, (group_path[2]), member_id) WHERE group_path[2] IS NOT NULL;
CREATE INDEX members_below_3 ON members (organization_id, (group_path[3]), member_id) WHERE group_path[3] IS NOT NULL;
CREATE INDEX members_below_4 ON members (organization_id, (group_path[4]), member_id) WHERE group_path[4] IS NOT NULL;
CREATE INDEX present_members_below_1 ON members (organization_id, (group_path[1]), member_id)
    WHERE state <> 'REMOVED' AND group_path[1] IS NOT NULL;
CREATE INDEX present_members_below_2 ON members (organization_id, (group_path[2]), member_id)
    WHERE state <> 'REMOVED' AND group_path[2] IS NOT NULL;
CREATE INDEX present_members_below_3 ON members (organization_id, (group_path[3]), member_id)
    WHERE state <> 'REMOVED' AND group_path[3] IS NOT NULL;
CREATE INDEX present_members_below_4 ON members (organization_id, (group_path[4]), member_id)
    WHERE state <> 'REMOVED' AND group_path[4] IS NOT NULL;
-- Every change of a Super Admin reads these few rows.
CREATE INDEX active_super_admins ON members (organization_id, member_id) WHERE role = 'SUPER_ADMIN' AND state = 'ACTIVE';
CALL divide_by_organization('members');

-- Moving a group changes the paths of its members, but does not count as a change of the members.
CREATE TRIGGER members_update_time BEFORE UPDATE ON members
    FOR EACH ROW WHEN ((OLD.role, OLD.group_id, OLD.state) IS DISTINCT FROM (NEW.role, NEW.group_id, NEW.state))
    EXECUTE FUNCTION set_update_time();

-- Links through which users become members of an organization.
CREATE TABLE invites (
    organization_id      text NOT NULL REFERENCES organizations,
    invite_id            text NOT NULL CHECK (invite_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    -- This member's rights limit the invite, both when it is created and when it is accepted (INV-14).
    inviter_member_id    text NOT NULL,
    -- NULL: the user becomes a member of the organization itself.
    group_id             text,
    -- A copy of the group's path, which only triggers write.
    group_path           text[] NOT NULL DEFAULT '{}',
    role                 text NOT NULL CHECK (role IN ('SUPER_ADMIN', 'L1_ADMIN', 'SUB_ADMIN', 'MEMBER')),
    -- HMAC-SHA256 of the token under the deployment's pepper. The token itself is shown once and never stored (INV-16).
    secret_hash          bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    expire_time          timestamptz NOT NULL,
    max_uses             integer NOT NULL DEFAULT 1 CHECK (max_uses BETWEEN 1 AND 1000),
    use_count            integer NOT NULL DEFAULT 0,
    -- Only a user with this verified address, or with one in this domain, may accept. If both are NULL, every user may.
    email                text CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    email_domain         text CHECK (email_domain = lower(email_domain) AND length(email_domain) BETWEEN 3 AND 253),
    -- Set once, when the invite is revoked. The row stays.
    revoke_time          timestamptz,
    create_time          timestamptz NOT NULL DEFAULT now(),
    update_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, invite_id),
    FOREIGN KEY (organization_id, inviter_member_id) REFERENCES members (organization_id, member_id),
    FOREIGN KEY (organization_id, group_id) REFERENCES groups (organization_id, group_id),
    CONSTRAINT never_used_too_often CHECK (use_count BETWEEN 0 AND max_uses),
    CONSTRAINT bound_once CHECK (email IS NULL OR email_domain IS NULL),
    CONSTRAINT invited_group_admins_have_a_group CHECK (role NOT IN ('L1_ADMIN', 'SUB_ADMIN') OR group_id IS NOT NULL)
);
CREATE INDEX invites_by_group ON invites (organization_id, group_id);
CREATE INDEX invites_below_1 ON invites (organization_id, (group_path[1]), invite_id) WHERE group_path[1] IS NOT NULL;
CREATE INDEX invites_below_2 ON invites (organization_id, (group_path[2]), invite_id) WHERE group_path[2] IS NOT NULL;
CREATE INDEX invites_below_3 ON invites (organization_id, (group_path[3]), invite_id) WHERE group_path[3] IS NOT NULL;
CREATE INDEX invites_below_4 ON invites (organization_id, (group_path[4]), invite_id) WHERE group_path[4] IS NOT NULL;
CALL divide_by_organization('invites');

CREATE TRIGGER invites_update_time BEFORE UPDATE ON invites
    FOR EACH ROW WHEN ((OLD.use_count, OLD.revoke_time) IS DISTINCT FROM (NEW.use_count, NEW.revoke_time))
    EXECUTE FUNCTION set_update_time();


-- 3. Keys and guardrails ----------------------------------------------------------------------------------------------------------

CREATE TABLE api_keys (
    organization_id      text NOT NULL,
    api_key_id           text NOT NULL CHECK (api_key_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    member_id            text NOT NULL,
    -- A copy of the path of the member's group, which only triggers write.
    group_path           text[] NOT NULL DEFAULT '{}',
    display_name         text NOT NULL,
    -- HMAC-SHA256 of the secret under the deployment's pepper. The secret itself is shown once and never stored (INV-16).
    secret_hash          bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    obfuscated_key       text NOT NULL,
    -- After a rotation, the old secret stays valid until its expiry. A key never has more than two secrets.
    previous_secret_hash bytea UNIQUE CHECK (length(previous_secret_hash) = 32),
    previous_expire_time timestamptz,
    state                text NOT NULL DEFAULT 'ACTIVE' CHECK (state IN ('ACTIVE', 'DISABLED', 'DELETED')),
    -- Who disabled the key and when, while it is disabled.
    disabled_by_member   text,
    disabled_time        timestamptz,
    expire_time          timestamptz,
    -- Networks from which this key may be used. NULL allows every address, an empty array none.
    ip_allow_list        cidr[] CHECK (cardinality(ip_allow_list) <= 100),
    create_time          timestamptz NOT NULL DEFAULT now(),
    update_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, api_key_id),
    FOREIGN KEY (organization_id, member_id) REFERENCES members (organization_id, member_id),
    CONSTRAINT previous_secret_has_an_end CHECK ((previous_secret_hash IS NULL) = (previous_expire_time IS NULL)),
    CONSTRAINT two_secrets CHECK (previous_secret_hash <> secret_hash)
);
-- As for members. Deleted keys stay forever, but the partial indexes skip them.
CREATE INDEX api_keys_by_member ON api_keys (organization_id, member_id, api_key_id);
CREATE INDEX api_keys_of_organization ON api_keys (organization_id, api_key_id) WHERE state <> 'DELETED';
CREATE INDEX api_keys_below_1 ON api_keys (organization_id, (group_path[1]), api_key_id)
    WHERE state <> 'DELETED' AND group_path[1] IS NOT NULL;
CREATE INDEX api_keys_below_2 ON api_keys (organization_id, (group_path[2]), api_key_id)
    WHERE state <> 'DELETED' AND group_path[2] IS NOT NULL;
CREATE INDEX api_keys_below_3 ON api_keys (organization_id, (group_path[3]), api_key_id)
    WHERE state <> 'DELETED' AND group_path[3] IS NOT NULL;
CREATE INDEX api_keys_below_4 ON api_keys (organization_id, (group_path[4]), api_key_id)
    WHERE state <> 'DELETED' AND group_path[4] IS NOT NULL;
CALL divide_by_organization('api_keys');

-- Maintain the copies of a group's path. FOR SHARE makes a concurrent move of the group wait, and the move then finds the new row.
-- A missing group or member leaves the path empty, and then the foreign key reports the error.
CREATE FUNCTION place_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.group_path := '{}';
    IF NEW.group_id IS NOT NULL THEN
        SELECT path INTO NEW.group_path FROM groups
         WHERE organization_id = NEW.organization_id AND group_id = NEW.group_id FOR SHARE;
        NEW.group_path := coalesce(NEW.group_path, '{}');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER members_place BEFORE INSERT OR UPDATE OF group_id, group_path ON members
    FOR EACH ROW EXECUTE FUNCTION place_member();

CREATE FUNCTION place_invite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.group_path := '{}';
    IF NEW.group_id IS NOT NULL THEN
        SELECT path INTO NEW.group_path FROM groups
         WHERE organization_id = NEW.organization_id AND group_id = NEW.group_id FOR SHARE;
        NEW.group_path := coalesce(NEW.group_path, '{}');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invites_place BEFORE INSERT OR UPDATE OF group_id, group_path ON invites
    FOR EACH ROW EXECUTE FUNCTION place_invite();

CREATE FUNCTION place_api_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT group_path INTO NEW.group_path FROM members
     WHERE organization_id = NEW.organization_id AND member_id = NEW.member_id FOR SHARE;
    NEW.group_path := coalesce(NEW.group_path, '{}');
    RETURN NEW;
END $$;
CREATE TRIGGER api_keys_place BEFORE INSERT OR UPDATE OF member_id, group_path ON api_keys
    FOR EACH ROW EXECUTE FUNCTION place_api_key();

CREATE FUNCTION place_members_of_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE members SET group_path = NEW.path WHERE organization_id = NEW.organization_id AND group_id = NEW.group_id;
    RETURN NULL;
END $$;
CREATE TRIGGER groups_place_members AFTER UPDATE ON groups
    FOR EACH ROW WHEN (OLD.path IS DISTINCT FROM NEW.path) EXECUTE FUNCTION place_members_of_group();

CREATE FUNCTION place_invites_of_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE invites SET group_path = NEW.path WHERE organization_id = NEW.organization_id AND group_id = NEW.group_id;
    RETURN NULL;
END $$;
CREATE TRIGGER groups_place_invites AFTER UPDATE ON groups
    FOR EACH ROW WHEN (OLD.path IS DISTINCT FROM NEW.path) EXECUTE FUNCTION place_invites_of_group();

CREATE FUNCTION place_api_keys_of_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE api_keys SET group_path = NEW.group_path WHERE organization_id = NEW.organization_id AND member_id = NEW.member_id;
    RETURN NULL;
END $$;
CREATE TRIGGER members_place_api_keys AFTER UPDATE ON members
    FOR EACH ROW WHEN (OLD.group_path IS DISTINCT FROM NEW.group_path) EXECUTE FUNCTION place_api_keys_of_member();

-- The limits of a scope. Every limit is optional.
CREATE TABLE guardrails (
    organization_id      text NOT NULL REFERENCES organizations,
    scope_kind           text NOT NULL CHECK (scope_kind IN ('organization', 'group', 'member', 'api_key')),
    scope_id             text NOT NULL,
    -- The last part of its resource name. Lists are ordered by it.
    guardrail_id         text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
        CASE scope_kind WHEN 'organization' THEN 'organization'
                        WHEN 'api_key' THEN 'apikey-' || scope_id
                        ELSE scope_kind || '-' || scope_id END) STORED,
    -- SHADOW counts and reports what it would have refused, but lets every call pass.
    mode                 text NOT NULL DEFAULT 'ENFORCE' CHECK (mode IN ('ENFORCE', 'SHADOW')),
    budget_nano_credits  bigint CHECK (budget_nano_credits >= 0),
    cycle                text NOT NULL DEFAULT 'NEVER' CHECK (cycle IN ('NEVER', 'DAILY', 'WEEKLY', 'MONTHLY')),
    -- Part of the identity of the scope's budget counters; a trigger sets it whenever the cycle changes.
    cycle_revision       bigint NOT NULL DEFAULT 0,
    requests_per_minute  integer CHECK (requests_per_minute >= 0),
    tokens_per_minute    bigint CHECK (tokens_per_minute BETWEEN 0 AND 1000000000000),
    concurrency_limit    integer CHECK (concurrency_limit >= 0),
    -- Limits for spans other than a minute, or for some models only:
    -- [[models (an entry of a whitelist, '' for all), unit, requests or null, tokens or null], ...]
    rate_rules           jsonb NOT NULL DEFAULT '[]'
        CHECK (jsonb_typeof(rate_rules) = 'array' AND jsonb_array_length(rate_rules) <= 16),
    -- Public model names, prefixes (openai/*) and provider classes (provider:openai). NULL allows all, an empty array none.
    model_whitelist      text[],
    key_limit            integer CHECK (key_limit >= 0),
    seat_limit           integer CHECK (seat_limit >= 0),
    update_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, scope_kind, scope_id),
    CONSTRAINT organization_scope_is_itself CHECK (scope_kind <> 'organization' OR scope_id = organization_id),
    CONSTRAINT whitelist_is_bounded CHECK (cardinality(model_whitelist) <= 200)
);
CREATE INDEX guardrails_by_name ON guardrails (organization_id, guardrail_id);
CALL divide_by_organization('guardrails');


-- 4. Catalog ----------------------------------------------------------------------------------------------------------------------

CREATE TABLE providers (
    provider_id          text PRIMARY KEY,
    -- The provider's entry of the catalog file as JSON. It names the variable of the credential, never the credential.
    definition           jsonb NOT NULL
);

CREATE TABLE models (
    model_name           text PRIMARY KEY,
    provider_id          text NOT NULL REFERENCES providers,
    -- The model's entry of the catalog file as JSON, without its prices.
    definition           jsonb NOT NULL,
    -- Models that left the catalog stay, because usage records name them.
    offered              boolean NOT NULL DEFAULT true
);

-- Price versions never change, because usage records refer to them (INV-11).
CREATE TABLE price_versions (
    model_name           text NOT NULL REFERENCES models,
    version              integer NOT NULL CHECK (version > 0),
    effective_date       date NOT NULL,
    -- Nano-credits per million tokens by category, and the long-context prices.
    prices               jsonb NOT NULL,
    create_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model_name, version)
);
CREATE TRIGGER price_versions_immutable BEFORE UPDATE OR DELETE ON price_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER price_versions_not_truncated BEFORE TRUNCATE ON price_versions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();


-- 5. Ledger -----------------------------------------------------------------------------------------------------------------------

-- The double-entry ledger. A transfer moves one amount from the account it debits to the account it credits, so every transfer sums
-- to zero (INV-01). Rows are immutable (INV-02), and the idempotency key is unique in this table.

CREATE TABLE ledger_accounts (
    organization_id      text NOT NULL REFERENCES organizations,
    account              text NOT NULL CHECK (account IN ('CREDIT_POOL', 'USAGE', 'TOP_UPS', 'ADJUSTMENTS')),
    -- Credits minus debits as of `sequence`, cached for reads. The sum of the transfers is authoritative (INV-03).
    balance_nano_credits bigint NOT NULL DEFAULT 0,
    sequence             bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (organization_id, account)
);
CALL divide_by_organization('ledger_accounts');

-- The head orders an organization's ledger. A writer locks it, takes the next numbers and commits. So a reader that sees number n
-- also sees every number below it.
CREATE TABLE ledger_heads (
    organization_id      text PRIMARY KEY REFERENCES organizations,
    sequence             bigint NOT NULL DEFAULT 0,
    -- When a cycle in the organization last changed. Settlement looks for newer counters of a call whose hold is older.
    cycle_change_time    timestamptz
);
CALL divide_by_organization('ledger_heads');

CREATE TABLE ledger_transfers (
    organization_id      text NOT NULL,
    sequence             bigint NOT NULL CHECK (sequence > 0),
    kind                 text NOT NULL CHECK (kind IN ('TOP_UP', 'USAGE', 'ADJUSTMENT', 'REFUND', 'CORRECTION')),
    -- No foreign keys, because looking up both accounts for every transfer would never find an error: `allowed_route` names the
    -- accounts, every ledger opens with all of them, a writer has locked the ledger's head, and the audit compares them (INV-03).
    debit_account        text NOT NULL,
    credit_account       text NOT NULL,
    amount_nano_credits  bigint NOT NULL CHECK (amount_nano_credits > 0),
    idempotency_key      text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 200),
    hold_id              text,
    -- The sequence of the transfer that this one corrects.
    corrects_sequence    bigint,
    actor                text NOT NULL,
    reason               text NOT NULL DEFAULT '',
    -- The time of writing, under the lock of the ledger's head, not the time when the transaction began to wait for the lock. So
    -- the balance as of a past time never changes.
    create_time          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, sequence),
    UNIQUE (organization_id, idempotency_key),
    FOREIGN KEY (organization_id, corrects_sequence) REFERENCES ledger_transfers (organization_id, sequence),
    CONSTRAINT two_accounts CHECK (debit_account <> credit_account),
    CONSTRAINT allowed_route CHECK (
        (kind = 'TOP_UP' AND debit_account = 'TOP_UPS' AND credit_account = 'CREDIT_POOL')
        OR (kind = 'USAGE' AND debit_account = 'CREDIT_POOL' AND credit_account = 'USAGE')
        OR (kind = 'REFUND' AND debit_account = 'CREDIT_POOL' AND credit_account = 'TOP_UPS')
        OR (kind = 'ADJUSTMENT' AND 'ADJUSTMENTS' IN (debit_account, credit_account)
            AND 'CREDIT_POOL' IN (debit_account, credit_account))
        OR (kind = 'CORRECTION' AND 'USAGE' IN (debit_account, credit_account)
            AND 'CREDIT_POOL' IN (debit_account, credit_account))
    )
);
CREATE INDEX ledger_transfers_by_time ON ledger_transfers (organization_id, create_time);
CALL divide_by_organization('ledger_transfers');

CREATE TRIGGER ledger_transfers_immutable BEFORE UPDATE OR DELETE ON ledger_transfers
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_transfers_not_truncated BEFORE TRUNCATE ON ledger_transfers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The two sides of every transfer as signed postings, for sums. The view has the rights of its reader, who sees only rows inside
-- the wall.
CREATE VIEW ledger_postings WITH (security_invoker = true) AS
    SELECT organization_id, sequence, kind, credit_account AS account, amount_nano_credits, hold_id, create_time
      FROM ledger_transfers
    UNION ALL
    SELECT organization_id, sequence, kind, debit_account, -amount_nano_credits, hold_id, create_time
      FROM ledger_transfers;

CREATE FUNCTION open_ledger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO ledger_heads (organization_id) VALUES (NEW.organization_id);
    INSERT INTO ledger_accounts (organization_id, account)
    SELECT NEW.organization_id, unnest(ARRAY['CREDIT_POOL', 'USAGE', 'TOP_UPS', 'ADJUSTMENTS']);
    RETURN NULL;
END $$;
CREATE TRIGGER organizations_open_ledger AFTER INSERT ON organizations FOR EACH ROW EXECUTE FUNCTION open_ledger();


-- 6. Holds and usage --------------------------------------------------------------------------------------------------------------

-- Every admitted call has a row here, even if its usage is never reported. authz_service only inserts.
CREATE TABLE holds (
    hold_id              text PRIMARY KEY,
    organization_id      text NOT NULL REFERENCES organizations,
    member_id            text NOT NULL,
    api_key_id           text NOT NULL,
    amount_nano_credits  bigint NOT NULL CHECK (amount_nano_credits >= 0),
    -- The signed hold token, which the sweep needs. Empty once the hold is resolved.
    token                text NOT NULL,
    -- The counters that include the hold, each encoded as kind:id:cycle:start:revision.
    counters             text[] NOT NULL,
    -- The number that Redis gave the hold. A Redis that has counted fewer holds was restored from an old snapshot.
    placement            bigint NOT NULL DEFAULT 0 CHECK (placement >= 0),
    place_time           timestamptz NOT NULL,
    expire_time          timestamptz NOT NULL,
    state                text NOT NULL DEFAULT 'HELD' CHECK (state IN ('HELD', 'SETTLED', 'VOIDED', 'EXPIRED')),
    resolve_time         timestamptz,
    CONSTRAINT resolved_or_held CHECK ((state = 'HELD') = (resolve_time IS NULL))
);
-- No index on `counters`: with row-level security, `@>` cannot use it (it is not leakproof), and every hold would have to update
-- it.
CREATE INDEX holds_open_by_organization ON holds (organization_id) WHERE state = 'HELD';
CREATE INDEX holds_open_by_expiry ON holds (expire_time) WHERE state = 'HELD';
CREATE INDEX holds_by_placement ON holds (organization_id, placement);
CALL divide_by_organization('holds');

-- One row for each resolved hold, in the order of the ledger. Rollups, analytics and Redis are derived from these rows.
CREATE TABLE usage_records (
    hold_id              text PRIMARY KEY,
    organization_id      text NOT NULL,
    sequence             bigint NOT NULL,
    outcome              text NOT NULL CHECK (outcome IN ('SETTLED', 'VOIDED', 'EXPIRED')),
    -- provider: counted by the provider; estimated: from bytes; none: nothing was consumed.
    source               text NOT NULL CHECK (source IN ('provider', 'estimated', 'none')),
    -- How the call ended: completed, client_disconnected, provider_error, provider_unavailable, refused, ...
    detail               text NOT NULL,
    group_path           text[] NOT NULL,
    member_id            text NOT NULL,
    api_key_id           text NOT NULL,
    endpoint             text NOT NULL,
    streamed             boolean NOT NULL,
    requested_model      text NOT NULL,
    answered_model       text,
    provider_id          text NOT NULL,
    provider_response_id text,
    service_tier         text,
    price_version        integer NOT NULL,
    input_tokens         bigint NOT NULL CHECK (input_tokens >= 0),
    cache_read_tokens    bigint NOT NULL CHECK (cache_read_tokens >= 0),
    cache_write_5m_tokens bigint NOT NULL CHECK (cache_write_5m_tokens >= 0),
    cache_write_1h_tokens bigint NOT NULL CHECK (cache_write_1h_tokens >= 0),
    output_tokens        bigint NOT NULL CHECK (output_tokens >= 0),
    reasoning_tokens     bigint NOT NULL CHECK (reasoning_tokens >= 0),
    hold_nano_credits    bigint NOT NULL CHECK (hold_nano_credits >= 0),
    charge_nano_credits  bigint NOT NULL CHECK (charge_nano_credits >= 0),
    -- [[category, tokens, price per million, amount], ...]. The sum of the amounts is the charge.
    charge_lines         jsonb NOT NULL,
    counters             text[] NOT NULL,
    -- The newer counters of scopes whose cycle changed after the hold was placed. They also include the call. NULL if there is
    -- none.
    later_counters       text[],
    -- Names of the throttles that admitted the call (kind:scope kind:scope id). NULL if there is none.
    throttles            text[],
    http_status          integer NOT NULL,
    response_flags       text NOT NULL,
    duration_ms          bigint,
    time_to_first_byte_ms bigint,
    request_id           text NOT NULL,
    trace_id             text,
    place_time           timestamptz NOT NULL,
    settle_time          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, sequence)
);
CREATE INDEX usage_records_by_time ON usage_records (organization_id, place_time);
CREATE INDEX usage_records_by_provider ON usage_records (provider_id, settle_time);
CALL divide_by_organization('usage_records');

CREATE TRIGGER usage_records_immutable BEFORE UPDATE OR DELETE ON usage_records
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER usage_records_not_truncated BEFORE TRUNCATE ON usage_records
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The actual usage of a hold that had expired. The record of the expiry stays. The correction takes the next number of the
-- organization's ledger, and a CORRECTION transfer with the same number moves the difference. An EXPIRED record without a
-- correction is unconfirmed.
CREATE TABLE usage_corrections (
    hold_id              text PRIMARY KEY REFERENCES usage_records,
    organization_id      text NOT NULL,
    sequence             bigint NOT NULL,
    outcome              text NOT NULL CHECK (outcome IN ('SETTLED', 'VOIDED')),
    source               text NOT NULL CHECK (source IN ('provider', 'estimated', 'none')),
    detail               text NOT NULL,
    answered_model       text,
    provider_response_id text,
    service_tier         text,
    input_tokens         bigint NOT NULL CHECK (input_tokens >= 0),
    cache_read_tokens    bigint NOT NULL CHECK (cache_read_tokens >= 0),
    cache_write_5m_tokens bigint NOT NULL CHECK (cache_write_5m_tokens >= 0),
    cache_write_1h_tokens bigint NOT NULL CHECK (cache_write_1h_tokens >= 0),
    output_tokens        bigint NOT NULL CHECK (output_tokens >= 0),
    reasoning_tokens     bigint NOT NULL CHECK (reasoning_tokens >= 0),
    charge_nano_credits  bigint NOT NULL CHECK (charge_nano_credits >= 0),
    -- As in usage_records. The sum of the amounts is the charge.
    charge_lines         jsonb NOT NULL,
    -- The charge minus what the expiry charged: the amount of the transfer. There is no transfer if this is 0.
    delta_nano_credits   bigint NOT NULL,
    later_counters       text[],
    http_status          integer NOT NULL,
    response_flags       text NOT NULL,
    duration_ms          bigint,
    time_to_first_byte_ms bigint,
    request_id           text NOT NULL,
    trace_id             text,
    place_time           timestamptz NOT NULL,
    correct_time         timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, sequence)
);
CALL divide_by_organization('usage_corrections');

CREATE TRIGGER usage_corrections_immutable BEFORE UPDATE OR DELETE ON usage_corrections
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER usage_corrections_not_truncated BEFORE TRUNCATE ON usage_corrections
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Reported usage that cannot be right. The call was charged by estimate; this row keeps what the provider reported.
CREATE TABLE usage_quarantine (
    hold_id              text PRIMARY KEY REFERENCES usage_records,
    organization_id      text NOT NULL,
    reason               text NOT NULL CHECK (reason IN ('invalid_usage', 'implausible_usage')),
    -- The reported usage as JSON, never the hold token.
    report               text NOT NULL CHECK (length(report) <= 65536),
    create_time          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX usage_quarantine_by_time ON usage_quarantine (organization_id, create_time);
CALL divide_by_organization('usage_quarantine');

CREATE TRIGGER usage_quarantine_immutable BEFORE UPDATE OR DELETE ON usage_quarantine
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER usage_quarantine_not_truncated BEFORE TRUNCATE ON usage_quarantine
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A second report of a resolved hold that contradicts the first. The first one counts; this row keeps the second (fault C3).
CREATE TABLE usage_discrepancies (
    discrepancy_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hold_id              text NOT NULL UNIQUE,
    organization_id      text NOT NULL,
    detail               text NOT NULL,
    create_time          timestamptz NOT NULL DEFAULT now()
);
CALL divide_by_organization('usage_discrepancies');

-- Settled spend of a scope in one period of its cycle. Redis counters are rebuilt from these rows.
CREATE TABLE scope_spend (
    organization_id      text NOT NULL,
    -- kind:id:cycle:start:revision
    counter              text NOT NULL,
    settled_nano_credits bigint NOT NULL DEFAULT 0,
    call_count           bigint NOT NULL DEFAULT 0,
    -- Admitted calls that the scope's guardrail would have refused in ENFORCE mode.
    shadow_refusal_count bigint NOT NULL DEFAULT 0 CHECK (shadow_refusal_count >= 0),
    -- When the last call that reached a provider was admitted.
    last_use_time        timestamptz,
    -- What the counter started with when its scope's cycle changed, and the number of the ledger as of which it was computed. With
    -- them, every counter can be recomputed exactly from the records.
    carried_nano_credits bigint NOT NULL DEFAULT 0,
    carried_call_count   bigint NOT NULL DEFAULT 0,
    carried_sequence     bigint,
    PRIMARY KEY (organization_id, counter)
);
-- Counters of API keys by key. No settlement changes an indexed column.
CREATE INDEX scope_spend_by_api_key ON scope_spend (organization_id, split_part(counter, ':', 2)) WHERE counter LIKE 'api\_key:%';
-- Skips pages without recent use, even with years of counters. A block range index costs a settlement almost nothing, and still
-- allows it to update rows in place.
CREATE INDEX scope_spend_by_last_use ON scope_spend USING brin (last_use_time) WITH (pages_per_range = 32, autosummarize = on)
 WHERE counter LIKE 'api\_key:%';
CALL divide_by_organization('scope_spend');

-- When each key was last used, across all its cycles.
CREATE VIEW api_key_usage WITH (security_invoker = true) AS
    SELECT organization_id, split_part(counter, ':', 2) AS api_key_id, max(last_use_time) AS last_use_time
      FROM scope_spend WHERE counter LIKE 'api\_key:%'
     GROUP BY 1, 2;

-- How far each journal file has been replayed.
CREATE TABLE journal_offsets (
    -- The name that usage_service writes next to the file, or the file's path if it could not write the name.
    journal              text PRIMARY KEY,
    -- Identifies the file with this name, so that a replaced file is read from the beginning.
    inode                bigint NOT NULL,
    byte_offset          bigint NOT NULL CHECK (byte_offset >= 0),
    -- SHA-256 of the beginning of the settled part, because a new file may get the inode of the one it replaced.
    fingerprint          bytea,
    update_time          timestamptz NOT NULL DEFAULT now()
);

-- Changing a cycle or the time zone starts a new counter. It begins with what the scope has already spent in the new period, so a
-- change of configuration never resets usage. Calls running at that time settle to the counter that admitted them and to the new
-- one.
CREATE SEQUENCE cycle_revisions;

CREATE FUNCTION cycle_start(cycle text, time_zone text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN cycle = 'NEVER' THEN 'epoch'::timestamptz ELSE (
        -- If clocks go back across midnight, midnight occurs twice. The period starts at the first one.
        SELECT min(start - earlier)
          FROM date_trunc(CASE cycle WHEN 'DAILY' THEN 'day' WHEN 'WEEKLY' THEN 'week' ELSE 'month' END, now(), time_zone) AS start,
               unnest(ARRAY[interval '0', interval '30 minutes', interval '1 hour']) AS earlier
         WHERE (start - earlier) AT TIME ZONE time_zone = start AT TIME ZONE time_zone
    ) END
$$;

CREATE FUNCTION set_cycle_revision() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.cycle <> OLD.cycle OR NEW.cycle_revision <> OLD.cycle_revision THEN
        NEW.cycle_revision := nextval('cycle_revisions');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guardrails_cycle_revision BEFORE INSERT OR UPDATE ON guardrails
    FOR EACH ROW EXECUTE FUNCTION set_cycle_revision();

-- A new counter starts with the actual spend in its period, including corrections. Voided calls do not count.
CREATE FUNCTION carry_spend_over() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    start timestamptz;
    head bigint;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.cycle_revision = OLD.cycle_revision THEN RETURN NULL; END IF;
    -- The lock on the head makes settlements wait until this transaction commits.
    UPDATE ledger_heads SET cycle_change_time = clock_timestamp() WHERE organization_id = NEW.organization_id
        RETURNING sequence INTO head;
    SELECT cycle_start(NEW.cycle, time_zone) INTO start FROM organizations WHERE organization_id = NEW.organization_id;
    INSERT INTO scope_spend (organization_id, counter, settled_nano_credits, call_count, carried_nano_credits,
                             carried_call_count, carried_sequence)
    SELECT NEW.organization_id,
           concat_ws(':', NEW.scope_kind, NEW.scope_id, NEW.cycle, extract(epoch FROM start)::bigint, NEW.cycle_revision),
           spent.amount, spent.calls, spent.amount, spent.calls, head
      FROM (SELECT coalesce(sum(u.charge_nano_credits + coalesce(c.delta_nano_credits, 0)), 0) AS amount,
                   count(*) FILTER (WHERE coalesce(c.outcome, u.outcome) <> 'VOIDED') AS calls
              FROM usage_records u LEFT JOIN usage_corrections c ON c.hold_id = u.hold_id
             WHERE u.organization_id = NEW.organization_id AND u.place_time >= start
               AND CASE NEW.scope_kind
                       WHEN 'organization' THEN true
                       WHEN 'group' THEN NEW.scope_id = ANY (u.group_path)
                       WHEN 'member' THEN u.member_id = NEW.scope_id
                       ELSE u.api_key_id = NEW.scope_id
                   END) AS spent;
    RETURN NULL;
END $$;
CREATE TRIGGER guardrails_carry_spend_over AFTER INSERT OR UPDATE ON guardrails
    FOR EACH ROW EXECUTE FUNCTION carry_spend_over();

CREATE FUNCTION restart_cycles() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE guardrails SET cycle_revision = cycle_revision + 1
     WHERE organization_id = NEW.organization_id AND cycle <> 'NEVER';
    RETURN NULL;
END $$;
CREATE TRIGGER organizations_restart_cycles AFTER UPDATE OF time_zone ON organizations
    FOR EACH ROW WHEN (NEW.time_zone <> OLD.time_zone) EXECUTE FUNCTION restart_cycles();


-- 7. Administration ---------------------------------------------------------------------------------------------------------------

-- Bearer tokens with which users call the admin API.
CREATE TABLE access_tokens (
    access_token_id      text PRIMARY KEY CHECK (access_token_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    user_id              text NOT NULL REFERENCES users,
    display_name         text NOT NULL DEFAULT '',
    -- HMAC-SHA256 of the token under the deployment's pepper. The token itself is shown once and never stored (INV-16).
    secret_hash          bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    obfuscated_token     text NOT NULL DEFAULT '',
    -- Restrict the token to one organization and to some permissions. NULL means no restriction.
    only_organization_id text REFERENCES organizations,
    permissions          text[],
    -- Every token expires, so that none stays valid after its holder has left.
    expire_time          timestamptz NOT NULL,
    -- Set once, when the token is revoked. The row stays.
    revoke_time          timestamptz,
    create_time          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT permissions_are_some CHECK (cardinality(permissions) BETWEEN 1 AND 100)
);
CREATE INDEX access_tokens_by_user ON access_tokens (user_id);

-- Every change, in order. Rows are never changed or deleted.
CREATE TABLE audit_log (
    organization_id      text NOT NULL REFERENCES organizations,
    sequence             bigint GENERATED ALWAYS AS IDENTITY,
    create_time          timestamptz NOT NULL DEFAULT now(),
    user_id              text NOT NULL REFERENCES users,
    -- NULL if the user was not a member of the organization, for example its creator.
    member_id            text,
    role                 text,
    access_token_id      text,
    -- `package.Service/Method`.
    method               text NOT NULL,
    resource_name        text NOT NULL,
    -- Path of the changed group or member. It decides which group admins may see the entry.
    group_path           text[] NOT NULL DEFAULT '{}',
    before               jsonb,
    after                jsonb,
    -- The caller's request id, and the id of the call in logs and traces.
    request_id           text NOT NULL DEFAULT '',
    call_id              text NOT NULL DEFAULT '',
    address              text NOT NULL DEFAULT '',
    PRIMARY KEY (organization_id, sequence)
);
CREATE INDEX audit_log_by_resource ON audit_log (organization_id, resource_name, sequence);
CREATE INDEX audit_log_below_1 ON audit_log (organization_id, (group_path[1]), sequence) WHERE group_path[1] IS NOT NULL;
CREATE INDEX audit_log_below_2 ON audit_log (organization_id, (group_path[2]), sequence) WHERE group_path[2] IS NOT NULL;
CREATE INDEX audit_log_below_3 ON audit_log (organization_id, (group_path[3]), sequence) WHERE group_path[3] IS NOT NULL;
CREATE INDEX audit_log_below_4 ON audit_log (organization_id, (group_path[4]), sequence) WHERE group_path[4] IS NOT NULL;
CALL divide_by_organization('audit_log');

CREATE FUNCTION refuse_audit_log_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_log_change();

-- Responses to changes with a request id, so that a repeated request gets the same response and changes nothing (AIP-155).
CREATE TABLE request_replays (
    user_id              text NOT NULL REFERENCES users,
    method               text NOT NULL,
    request_id           text NOT NULL,
    request_hash         bytea NOT NULL CHECK (length(request_hash) = 32),
    -- Without secrets, which are shown only once.
    response             bytea NOT NULL,
    create_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, method, request_id)
);
CREATE INDEX request_replays_by_age ON request_replays (create_time);

-- Invoices requested by admins.
CREATE TABLE invoice_requests (
    organization_id      text NOT NULL REFERENCES organizations,
    invoice_request_id   text COLLATE "C" NOT NULL CHECK (invoice_request_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    user_id              text NOT NULL REFERENCES users,
    -- google.type.Money: ISO 4217, whole units, and 10^-9 units.
    currency_code        text NOT NULL CHECK (currency_code ~ '^[A-Z]{3}$'),
    amount_units         bigint NOT NULL CHECK (amount_units >= 0),
    amount_nanos         integer NOT NULL CHECK (amount_nanos BETWEEN 0 AND 999999999),
    -- The credit that the invoice is for. A request moves no credit.
    credit_nano_credits  bigint NOT NULL CHECK (credit_nano_credits > 0),
    -- The billing contact at the time of the request. Receives the invoice.
    billing_email        text NOT NULL,
    note                 text NOT NULL DEFAULT '',
    -- PENDING until the message to the billing contact has been delivered.
    state                text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'DELIVERED')),
    create_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, invoice_request_id)
);
CALL divide_by_organization('invoice_requests');

-- E-mail messages. Each is written in the transaction of the change that it reports, and delivered later.
CREATE TABLE outbox_messages (
    organization_id      text NOT NULL REFERENCES organizations,
    outbox_message_id    bigint GENERATED ALWAYS AS IDENTITY,
    -- Selects the text of the message.
    kind                 text NOT NULL CHECK (kind IN ('INVOICE_REQUEST')),
    -- Full name of the resource that the message is about.
    resource_name        text NOT NULL,
    recipient_email      text NOT NULL,
    create_time          timestamptz NOT NULL DEFAULT now(),
    -- Attempts so far, and when the next one is due.
    attempts             integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    attempt_time         timestamptz NOT NULL DEFAULT now(),
    -- NULL until it is delivered.
    deliver_time         timestamptz,
    PRIMARY KEY (organization_id, outbox_message_id),
    -- A resource gets at most one message of each kind.
    UNIQUE (organization_id, kind, resource_name)
);
CREATE INDEX outbox_messages_waiting ON outbox_messages (attempt_time) WHERE deliver_time IS NULL;
CALL divide_by_organization('outbox_messages');


-- 8. Lookups and notifications for the services -----------------------------------------------------------------------------------

-- PostgreSQL notifies authz_service of every change of what it caches. Payload: organization kind id.
CREATE FUNCTION notify_identity_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed record;
    kind text := TG_ARGV[0];
    id text;
BEGIN
    IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
    id := CASE kind
        WHEN 'organization' THEN changed.organization_id
        WHEN 'guardrail' THEN to_jsonb(changed) ->> 'scope_kind' || ':' || (to_jsonb(changed) ->> 'scope_id')
        ELSE to_jsonb(changed) ->> (kind || '_id')
    END;
    PERFORM pg_notify('megarouter_identity', changed.organization_id || ' ' || kind || ' ' || id);
    RETURN NULL;
END $$;

CREATE TRIGGER organizations_notify AFTER INSERT OR UPDATE OR DELETE ON organizations
    FOR EACH ROW EXECUTE FUNCTION notify_identity_change('organization');
CREATE TRIGGER groups_notify AFTER INSERT OR UPDATE OR DELETE ON groups
    FOR EACH ROW EXECUTE FUNCTION notify_identity_change('group');
CREATE TRIGGER guardrails_notify AFTER INSERT OR UPDATE OR DELETE ON guardrails
    FOR EACH ROW EXECUTE FUNCTION notify_identity_change('guardrail');
-- No notification for a changed path: moving the group already sends one.
CREATE TRIGGER members_notify AFTER INSERT OR DELETE ON members
    FOR EACH ROW EXECUTE FUNCTION notify_identity_change('member');
CREATE TRIGGER members_notify_change AFTER UPDATE ON members
    FOR EACH ROW WHEN (OLD.group_path = NEW.group_path OR OLD.group_id IS DISTINCT FROM NEW.group_id)
    EXECUTE FUNCTION notify_identity_change('member');
CREATE TRIGGER api_keys_notify AFTER INSERT OR DELETE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION notify_identity_change('api_key');
CREATE TRIGGER api_keys_notify_change AFTER UPDATE ON api_keys
    FOR EACH ROW WHEN (OLD.group_path = NEW.group_path OR OLD.member_id IS DISTINCT FROM NEW.member_id)
    EXECUTE FUNCTION notify_identity_change('api_key');

CREATE FUNCTION notify_catalog_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('megarouter_catalog', TG_TABLE_NAME);
    RETURN NULL;
END $$;

CREATE TRIGGER providers_notify AFTER INSERT OR UPDATE OR DELETE ON providers
    FOR EACH STATEMENT EXECUTE FUNCTION notify_catalog_change();
CREATE TRIGGER models_notify AFTER INSERT OR UPDATE OR DELETE ON models
    FOR EACH STATEMENT EXECUTE FUNCTION notify_catalog_change();
CREATE TRIGGER price_versions_notify AFTER INSERT ON price_versions
    FOR EACH STATEMENT EXECUTE FUNCTION notify_catalog_change();

-- One number for each organization, which grows with every change of its identities. authz_service caches many identities, and reads
-- this one row to check that all those of an organization are still valid. Without a row, nothing has changed since the table was
-- created. A row outlives its organization, so that a number never stands for two states.
CREATE TABLE identity_revisions (
    organization_id      text PRIMARY KEY,
    revision             bigint NOT NULL,
    -- The transaction that made the revision. A transaction makes only one, even if it changes many rows.
    change_xid           xid8 NOT NULL
);
CALL divide_by_organization('identity_revisions');

-- The lock on the row gives revisions the order in which their transactions commit. PostgreSQL delivers the notifications of a
-- transaction in the order in which they were sent, so a listener receives the changes before the revision.
CREATE FUNCTION revise_identities(organization text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    reached bigint;
BEGIN
    PERFORM FROM identity_revisions v WHERE v.organization_id = organization AND v.change_xid = pg_current_xact_id();
    IF FOUND THEN RETURN; END IF;
    INSERT INTO identity_revisions AS v VALUES (organization, 1, pg_current_xact_id())
        ON CONFLICT (organization_id) DO UPDATE SET revision = v.revision + 1, change_xid = excluded.change_xid
        RETURNING v.revision INTO reached;
    PERFORM pg_notify('megarouter_identity_revision', organization || ' ' || reached);
END $$;

CREATE FUNCTION revise_identities_of_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN PERFORM revise_identities(OLD.organization_id); END IF;
    IF TG_OP <> 'DELETE' THEN PERFORM revise_identities(NEW.organization_id); END IF;
    RETURN NULL;
END $$;

-- Sends no notification. A service notices the change when it compares revisions.
CREATE FUNCTION revise_all_identities() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE identity_revisions SET revision = revision + 1;
    RETURN NULL;
END $$;

-- Deferred to the commit. If the lock were taken earlier, transactions that change different rows would wait for each other and
-- could deadlock.
CREATE CONSTRAINT TRIGGER organizations_revise_identities AFTER INSERT OR UPDATE OR DELETE ON organizations
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION revise_identities_of_row();
CREATE CONSTRAINT TRIGGER groups_revise_identities AFTER INSERT OR UPDATE OR DELETE ON groups
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION revise_identities_of_row();
CREATE CONSTRAINT TRIGGER members_revise_identities AFTER INSERT OR UPDATE OR DELETE ON members
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION revise_identities_of_row();
CREATE CONSTRAINT TRIGGER api_keys_revise_identities AFTER INSERT OR UPDATE OR DELETE ON api_keys
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION revise_identities_of_row();
CREATE CONSTRAINT TRIGGER guardrails_revise_identities AFTER INSERT OR UPDATE OR DELETE ON guardrails
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION revise_identities_of_row();
CREATE TRIGGER organizations_revise_all_identities AFTER TRUNCATE ON organizations
    FOR EACH STATEMENT EXECUTE FUNCTION revise_all_identities();
CREATE TRIGGER groups_revise_all_identities AFTER TRUNCATE ON groups
    FOR EACH STATEMENT EXECUTE FUNCTION revise_all_identities();
CREATE TRIGGER members_revise_all_identities AFTER TRUNCATE ON members
    FOR EACH STATEMENT EXECUTE FUNCTION revise_all_identities();
CREATE TRIGGER api_keys_revise_all_identities AFTER TRUNCATE ON api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION revise_all_identities();
CREATE TRIGGER guardrails_revise_all_identities AFTER TRUNCATE ON guardrails
    FOR EACH STATEMENT EXECUTE FUNCTION revise_all_identities();

-- The SECURITY DEFINER functions below see the rows of all organizations. Each returns only what its caller needs.

-- Returns only revisions, nothing about the identities. An organization without a change has no row.
CREATE FUNCTION identity_revisions_of(organizations text[])
RETURNS TABLE (organization_id text, revision bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT v.organization_id, v.revision FROM identity_revisions v WHERE v.organization_id = ANY (organizations)
$$;

-- Returns the identity of a key to a caller that has the hash of either secret. There is no other way from a key to its owner.
-- Guardrails: [[scope kind, scope id, budget, cycle, revision, requests per minute, whitelist, mode, tokens per minute, concurrency
-- limit, rate rules], ...].
CREATE FUNCTION identity_of_key(key_hash bytea)
RETURNS TABLE (
    organization_id text, api_key_id text, member_id text, api_key_active boolean, expire_epoch_s float8, member_active boolean,
    group_path text[], organization_active boolean, time_zone text, input_estimate text, guardrails jsonb, secret_replaced boolean,
    ip_allow_list text[], revision bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.organization_id, k.api_key_id, k.member_id, k.state = 'ACTIVE',
           extract(epoch FROM least(k.expire_time, CASE WHEN found.replaced THEN k.previous_expire_time END))::float8,
           m.state = 'ACTIVE', coalesce(g.path, '{}'), o.state = 'ACTIVE', o.time_zone, o.input_estimate,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(r.scope_kind, r.scope_id, r.budget_nano_credits, r.cycle,
                                                        r.cycle_revision, r.requests_per_minute, r.model_whitelist, r.mode,
                                                        r.tokens_per_minute, r.concurrency_limit, r.rate_rules)), '[]')
              FROM guardrails r
             WHERE r.organization_id = k.organization_id
               AND ((r.scope_kind = 'api_key' AND r.scope_id = k.api_key_id)
                    OR (r.scope_kind = 'member' AND r.scope_id = k.member_id)
                    OR (r.scope_kind = 'group' AND r.scope_id = ANY (g.path))
                    OR r.scope_kind = 'organization')),
           found.replaced, k.ip_allow_list::text[],
           coalesce((SELECT v.revision FROM identity_revisions v WHERE v.organization_id = k.organization_id), 0)
      FROM (SELECT c.organization_id, c.api_key_id, false AS replaced FROM api_keys c WHERE c.secret_hash = key_hash
            UNION ALL
            SELECT p.organization_id, p.api_key_id, true FROM api_keys p WHERE p.previous_secret_hash = key_hash
            LIMIT 1) AS found
      JOIN api_keys k ON k.organization_id = found.organization_id AND k.api_key_id = found.api_key_id
      JOIN members m ON m.organization_id = k.organization_id AND m.member_id = k.member_id
      JOIN organizations o ON o.organization_id = k.organization_id
      LEFT JOIN groups g ON g.organization_id = m.organization_id AND g.group_id = m.group_id
     WHERE k.state <> 'DELETED'
$$;

-- Returns the hashes of keys used within a day, most recent first, with both hashes of a key that has two valid secrets. A hash
-- admits no call; it only serves as the argument of `identity_of_key`, because authz_service can read neither keys nor members.
CREATE FUNCTION hashes_of_keys_used_lately(entries bigint)
RETURNS TABLE (key_hash bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT secret.hash
      FROM (SELECT s.organization_id, split_part(s.counter, ':', 2) AS api_key_id, max(s.last_use_time) AS use_time
              FROM scope_spend s
             WHERE s.counter LIKE 'api\_key:%' AND s.last_use_time > now() - interval '1 day'
             GROUP BY 1, 2
             ORDER BY 3 DESC
             LIMIT entries) AS used
      JOIN api_keys k ON k.organization_id = used.organization_id AND k.api_key_id = used.api_key_id AND k.state <> 'DELETED'
     CROSS JOIN LATERAL (VALUES (k.secret_hash), (CASE WHEN k.previous_expire_time > now() THEN k.previous_secret_hash END))
            AS secret (hash)
     WHERE secret.hash IS NOT NULL
     ORDER BY used.use_time DESC
     LIMIT entries
$$;

-- Returns the invite of a token if it can still be used. Does not find an unknown, revoked, expired or used-up one. An active
-- member of the organization still finds a used-up invite, because accepting twice is not an error.
CREATE FUNCTION invite_of_token(token_hash bytea, caller text)
RETURNS TABLE (organization_id text, invite_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.organization_id, i.invite_id
      FROM invites i JOIN organizations o ON o.organization_id = i.organization_id
     WHERE i.secret_hash = token_hash AND i.revoke_time IS NULL AND i.expire_time > now() AND o.state <> 'DELETED'
       AND (i.use_count < i.max_uses
            OR EXISTS (SELECT FROM members m
                        WHERE m.organization_id = i.organization_id AND m.user_id = caller AND m.state = 'ACTIVE'))
$$;

-- Returns the accounts of the user named in `megarouter.user`, across organizations. Every member may see this much of each.
CREATE FUNCTION my_accounts()
RETURNS TABLE (
    organization_id text, display_name text, kind text, organization_state text, member_id text, role text, member_state text,
    group_id text, is_current boolean
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH caller AS (
        SELECT u.user_id,
               coalesce((SELECT c.organization_id FROM members c JOIN organizations a ON a.organization_id = c.organization_id
                          WHERE c.organization_id = u.current_organization_id AND c.user_id = u.user_id
                            AND c.state = 'ACTIVE' AND a.state <> 'DELETED'),
                        u.personal_organization_id) AS current_id
          FROM users u WHERE u.user_id = current_setting('megarouter.user', true)
    )
    SELECT o.organization_id, o.display_name, o.kind, o.state, m.member_id, m.role, m.state, m.group_id,
           coalesce(o.organization_id = caller.current_id, false)
      FROM caller
      JOIN members m ON m.user_id = caller.user_id AND m.state <> 'REMOVED'
      JOIN organizations o ON o.organization_id = m.organization_id
$$;

-- Returns how many recent calls of each provider it answered and failed, across all organizations: at most the newest 100 calls of
-- the last 15 minutes. Does not return whose calls they were. Does not count calls whose end says nothing about the provider.
CREATE FUNCTION provider_outcomes()
RETURNS TABLE (provider_id text, answered_count bigint, failed_count bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.provider_id,
           count(*) FILTER (WHERE r.http_status BETWEEN 200 AND 299
                              AND r.detail IN ('completed', 'usage_omitted', 'invalid_usage', 'implausible_usage')),
           -- 401, 403 and 429 mean that the gateway's credential or quota is the problem, so its calls are not answered.
           count(*) FILTER (WHERE r.detail IN ('provider_timeout', 'provider_reset', 'provider_unavailable')
                               OR (r.detail = 'provider_error'
                                   AND (r.http_status IN (401, 403, 429) OR r.http_status NOT BETWEEN 400 AND 499)))
      FROM providers p
     CROSS JOIN LATERAL (SELECT u.http_status, u.detail FROM usage_records u
                          WHERE u.provider_id = p.provider_id AND u.settle_time > now() - interval '15 minutes'
                          ORDER BY u.settle_time DESC LIMIT 100) AS r
     GROUP BY p.provider_id
$$;

-- Returns organizations with due messages, the longest due first. Returns only their names, nothing about the messages.
CREATE FUNCTION organizations_with_messages_due(most integer)
RETURNS TABLE (organization_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT m.organization_id FROM outbox_messages m
     WHERE m.deliver_time IS NULL AND m.attempt_time <= now()
     ORDER BY m.attempt_time LIMIT most
$$;

-- Returns how many messages wait across all organizations, and the age of the oldest in seconds. Operators use both numbers.
CREATE FUNCTION messages_waiting()
RETURNS TABLE (message_count bigint, oldest_age_s float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*), coalesce(extract(epoch FROM greatest(now() - min(m.create_time), interval '0'))::float8, 0)
      FROM outbox_messages m
     WHERE m.deliver_time IS NULL
$$;

-- The functions below have the rights of their caller, so they see only rows inside the wall.

-- Returns what a scope has spent in the current cycle of its budget, and the budget. Without a guardrail, returns its total spend.
-- The counter is the one to which calls settle now.
CREATE FUNCTION present_spend(text, text, text)
RETURNS TABLE (spent_nano_credits bigint, budget_nano_credits bigint)
LANGUAGE sql STABLE AS $$
    -- $1: organization, $2: kind of the scope, $3: its id.
    SELECT coalesce(s.settled_nano_credits, 0), r.budget_nano_credits
      FROM organizations o
      LEFT JOIN guardrails r ON r.organization_id = o.organization_id AND r.scope_kind = $2 AND r.scope_id = $3
      LEFT JOIN scope_spend s ON s.organization_id = o.organization_id AND s.counter = concat_ws(':', $2, $3,
                coalesce(r.cycle, 'NEVER'), extract(epoch FROM cycle_start(coalesce(r.cycle, 'NEVER'), o.time_zone))::bigint,
                coalesce(r.cycle_revision, 0))
     WHERE o.organization_id = $1
$$;

-- Returns what a scope has used in the current cycle of its budget. Without a guardrail, returns its total use.
CREATE FUNCTION present_use(organization text, of_kind text, of_id text)
RETURNS TABLE (
    period_start_time timestamptz, time_zone text, spent_nano_credits bigint, held_nano_credits bigint, call_count bigint,
    shadow_refusal_count bigint
)
LANGUAGE sql STABLE AS $$
    SELECT p.start, p.time_zone, coalesce(s.settled_nano_credits, 0),
           (SELECT coalesce(sum(h.amount_nano_credits), 0)::bigint FROM holds h
             WHERE h.state = 'HELD' AND h.organization_id = organization AND h.counters @> ARRAY[p.counter]),
           coalesce(s.call_count, 0), coalesce(s.shadow_refusal_count, 0)
      FROM (SELECT q.time_zone, q.start,
                   concat_ws(':', of_kind, of_id, q.cycle, extract(epoch FROM q.start)::bigint, q.cycle_revision) AS counter
              FROM (SELECT o.time_zone, coalesce(r.cycle, 'NEVER') AS cycle, coalesce(r.cycle_revision, 0) AS cycle_revision,
                           cycle_start(coalesce(r.cycle, 'NEVER'), o.time_zone) AS start
                      FROM organizations o
                      LEFT JOIN guardrails r ON r.organization_id = o.organization_id AND r.scope_kind = of_kind AND r.scope_id = of_id
                     WHERE o.organization_id = organization) AS q) AS p
      LEFT JOIN scope_spend s ON s.organization_id = organization AND s.counter = p.counter
$$;
