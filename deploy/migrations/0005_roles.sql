-- Least rights: a process connects as the deployment's user and takes the role of its service (docs/concepts/architecture.md).
-- Roles belong to the whole server, so a second database on it finds them already there.

DO $$
DECLARE
    service_role text;
BEGIN
    FOREACH service_role IN ARRAY ARRAY['megarouter_authz', 'megarouter_usage', 'megarouter_admin'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = service_role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', service_role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- made by another database's migration just now
            END;
        END IF;
        EXECUTE format('GRANT %I TO CURRENT_USER', service_role);
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', service_role);
    END LOOP;
END $$;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO megarouter_authz, megarouter_usage, megarouter_admin;
REVOKE SELECT ON users FROM megarouter_authz, megarouter_usage;

GRANT INSERT ON holds TO megarouter_authz;

GRANT INSERT ON holds, usage_records, ledger_transfers, scope_spend, usage_discrepancies, journal_offsets TO megarouter_usage;
GRANT UPDATE (state, resolve_time) ON holds TO megarouter_usage;
GRANT UPDATE ON ledger_accounts, ledger_heads, scope_spend, journal_offsets TO megarouter_usage;

GRANT INSERT, UPDATE, DELETE ON organizations, groups, users, members, api_keys, guardrails TO megarouter_admin;
GRANT INSERT, UPDATE ON providers, models TO megarouter_admin;
GRANT INSERT ON price_versions, ledger_transfers TO megarouter_admin;
GRANT UPDATE ON ledger_accounts, ledger_heads TO megarouter_admin;
