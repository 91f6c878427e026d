-- All roles and all their rights, in one file.
--
-- `python -m gateway_core.schema migrate` runs this file after the migrations, every time and in one transaction. It revokes all
-- rights and then grants those below, so the roles have exactly these rights. `migrate` also sets the passwords.
--
--   megarouter_authz   authz_service logs in: finds the owner of a key by its hash, and inserts holds
--   megarouter_usage   usage_service logs in: settles holds, and writes usage records and the ledger
--   megarouter_admin   admin_service logs in: writes organizations, people, keys and guardrails; posts top-ups
--   megarouter_notification   notification_service logs in: sends deliveries, and records the attempts. No right on the ledger
--   megarouter_audit   the owner switches to it for an audit: reads the accounting tables, but no user, token or secret
--
-- A role that logs in is a member of no other role, owns nothing and creates nothing, so it cannot become another role.
-- ratelimit_service uses no database.


-- Roles ---------------------------------------------------------------------------------------------------------------------------

DO $$
DECLARE
    wanted record;
    membership record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES ('megarouter_authz', true), ('megarouter_usage', true), ('megarouter_admin', true),
                              ('megarouter_notification', true), ('megarouter_audit', false)) AS role (name, logs_in)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format('CREATE ROLE %I', wanted.name);
        END IF;
        -- Only if something differs: NOSUPERUSER requires a superuser, even if the role is not a superuser.
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name
                      AND (rolcanlogin, rolinherit) IS DISTINCT FROM (wanted.logs_in, false)) THEN
            EXECUTE format('ALTER ROLE %I NOINHERIT %s', wanted.name, CASE WHEN wanted.logs_in THEN 'LOGIN' ELSE 'NOLOGIN' END);
        END IF;
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name
                      AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)) THEN
            EXECUTE format('ALTER ROLE %I NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS', wanted.name);
        END IF;
        FOR membership IN
            SELECT m.roleid::regrole AS role, m.grantor::regrole AS grantor
              FROM pg_auth_members m WHERE m.member = wanted.name::regrole
        LOOP
            EXECUTE format('REVOKE %s FROM %I GRANTED BY %s CASCADE', membership.role, wanted.name, membership.grantor);
        END LOOP;
    END LOOP;
    IF NOT pg_has_role(current_user, 'megarouter_audit', 'SET') THEN
        EXECUTE 'GRANT megarouter_audit TO CURRENT_USER';
    END IF;
END $$;


-- Revoke everything ---------------------------------------------------------------------------------------------------------------

DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC, megarouter_authz, megarouter_usage, megarouter_admin, megarouter_notification, megarouter_audit',
                   current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO megarouter_authz, megarouter_usage, megarouter_admin, megarouter_notification', current_database());
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC, megarouter_authz, megarouter_usage, megarouter_admin, megarouter_notification, megarouter_audit;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, megarouter_authz, megarouter_usage, megarouter_admin, megarouter_notification, megarouter_audit;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, megarouter_authz, megarouter_usage, megarouter_admin, megarouter_notification, megarouter_audit;
REVOKE ALL ON ALL ROUTINES IN SCHEMA public FROM PUBLIC, megarouter_authz, megarouter_usage, megarouter_admin, megarouter_notification, megarouter_audit;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;

GRANT USAGE ON SCHEMA public TO megarouter_authz, megarouter_usage, megarouter_admin, megarouter_notification, megarouter_audit;
GRANT SELECT ON schema_migrations TO megarouter_authz, megarouter_usage, megarouter_admin, megarouter_notification, megarouter_audit;


-- authz_service -------------------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION identity_of_key(bytea), hashes_of_keys_used_lately(bigint), identity_revisions_of(text[]), unpacked(text),
    stored_objects_of(text, text, text, text[], text[]), end_stored_object(text, text, text, text, text), is_switched_off(text),
    open_carry(text, text, text), rehash_api_key(bytea, bytea), routing_of(text, text[], text), own_credentials_of(text),
    rate_call(text, text, text, text, text, boolean)
    TO megarouter_authz;
GRANT SELECT ON providers, models, price_versions, catalog_virtual_models TO megarouter_authz;
-- To rebuild a pool or a counter in Redis.
GRANT SELECT ON holds, scope_spend, ledger_accounts, ledger_heads TO megarouter_authz;
GRANT INSERT ON holds TO megarouter_authz;


-- usage_service -------------------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION unpacked(text), forget_expired_objects(integer), soft_threshold(jsonb, bigint, jsonb),
    temporary_limit_now(jsonb), soft_threshold(jsonb, bigint, jsonb, bigint), used_of(text, text),
    carried_of(text, bigint, bigint, text), model_budgets_of(guardrails), encoded_models(text),
    threshold_of_counter(guardrails, text), local_hour(timestamp with time zone, text),
    cycle_start_at(text, text, timestamp with time zone), open_usage_month(timestamp with time zone),
    drop_usage_hours(timestamp with time zone), bigint_sum(bigint), member_union(bit varying, bit varying) TO megarouter_usage;
-- Without is_registered: only the owner registers ids.
GRANT INSERT (provider_id, kind, object_id, organization_id, member_id, api_key_id, response_id, requested_model, tokens, expire_time)
    ON stored_objects TO megarouter_usage;
GRANT SELECT ON organizations, guardrails, budget_carries, providers, models, price_versions, catalog_virtual_models TO megarouter_usage;
GRANT SELECT, INSERT, UPDATE (baseline_nano_credits, chosen_nano_credits, request_id, signals) ON routed_calls TO megarouter_usage;
-- What callers think of answers comes in by authz_service's function.
GRANT SELECT ON call_ratings TO megarouter_usage, megarouter_admin, megarouter_audit;
GRANT EXECUTE ON FUNCTION match_ratings() TO megarouter_usage;
-- Only admin_service lifts a return.
GRANT SELECT, INSERT ON routing_returns TO megarouter_usage;
GRANT SELECT, UPDATE (lift_time) ON routing_returns TO megarouter_admin;
GRANT SELECT ON routing_returns TO megarouter_audit;
GRANT SELECT (organization_id, mode) ON routing_policies TO megarouter_usage;
GRANT SELECT (organization_id, virtual_model_id, model_name, owner_kind, owner_id, revision) ON virtual_models TO megarouter_usage;
GRANT SELECT, INSERT ON ledger_transfers, usage_records, usage_corrections, usage_findings, usage_quarantine,
    usage_discrepancies TO megarouter_usage;
GRANT SELECT, UPDATE (sequence) ON ledger_heads TO megarouter_usage;
GRANT SELECT, UPDATE (sequence, balance_nano_credits) ON ledger_accounts TO megarouter_usage;
GRANT SELECT, INSERT, UPDATE (state, resolve_time, token) ON holds TO megarouter_usage;
GRANT SELECT, INSERT, UPDATE (settled_nano_credits, call_count, shadow_refusal_count, last_use_time) ON scope_spend TO megarouter_usage;
-- Without deliver_time: it only reports.
GRANT SELECT, INSERT (organization_id, counter, threshold_nano_credits, spent_nano_credits) ON budget_events TO megarouter_usage;
GRANT SELECT, INSERT, UPDATE (inode, byte_offset, fingerprint, update_time) ON journal_offsets TO megarouter_usage;
-- Rollups are computed from the records, and can be computed again.
GRANT SELECT ON usage_facts TO megarouter_usage;
GRANT SELECT, INSERT, UPDATE, DELETE ON usage_rollups, usage_hours, usage_tagged_hours, usage_days, usage_months,
    usage_running_totals, usage_year_totals, usage_member_numbers, usage_member_sets, usage_tag_days TO megarouter_usage;
-- Not who has a standing, nor of which cycle: triggers keep that.
GRANT SELECT, UPDATE (period_start, spent_nano_credits, call_count, last_use_time) ON standings TO megarouter_usage;
GRANT SELECT, INSERT, UPDATE (sequence) ON standing_positions TO megarouter_usage;
-- Anomalies are never deleted. What people say about them is admin_service's.
GRANT SELECT, INSERT, UPDATE ON usage_anomalies, anomaly_positions, anomaly_scopes TO megarouter_usage;
GRANT SELECT ON anomaly_verdicts TO megarouter_usage;

-- Alerts: what happened, and what is to be sent. Whether it was sent is notification_service's.
GRANT EXECUTE ON FUNCTION limit_of_counter(text, text), present_counters(text, text, text), counters_of_changed_guardrails(text, timestamp with time zone), counter_name(text, text, text, timestamp with time zone, bigint, text),
    cycle_start(text, text) TO megarouter_usage;
GRANT SELECT ON notification_rules TO megarouter_usage;
GRANT SELECT (organization_id, group_id, path, display_name) ON groups TO megarouter_usage;
GRANT SELECT (organization_id, member_id, user_id, role, state, group_id, group_path, display_name) ON members TO megarouter_usage;
GRANT SELECT (organization_id, api_key_id, member_id, group_path, display_name, state, expire_time, create_time, update_time) ON api_keys
    TO megarouter_usage;
GRANT SELECT (organization_id, sequence, create_time, user_id, member_id, role, method, resource_name, group_path, before, after, refusal)
    ON audit_log TO megarouter_usage;
GRANT SELECT ON key_counts TO megarouter_usage;
GRANT SELECT, INSERT, UPDATE (reason, ledger_sequence, hold_id, update_time) ON account_refusals TO megarouter_usage;
GRANT EXECUTE ON FUNCTION provider_health(), forget_alerts(timestamp with time zone, integer) TO megarouter_usage;
-- Not what is sealed.
GRANT SELECT (organization_id, channel_id, kind, display_name, target_hint, state, disable_reason, disable_time, member_id,
    mailed_member_id) ON notification_channels TO megarouter_usage;
-- That an export has ended, and whose it is. Not what is in it.
GRANT SELECT (organization_id, export_id, requester, member_id, state, error_message, end_time, schedule_id) ON usage_exports TO megarouter_usage;
GRANT SELECT (organization_id, schedule_id, display_name) ON export_schedules TO megarouter_usage;
GRANT SELECT, INSERT ON alert_events, inbox_entries TO megarouter_usage;
GRANT SELECT, INSERT, DELETE, UPDATE (epoch, is_reached) ON alert_states TO megarouter_usage;
GRANT SELECT, INSERT, UPDATE (sequence, changes_until, audit_sequence, audit_seen, looked_until, next_look_time) ON alert_positions TO megarouter_usage;
GRANT SELECT, INSERT (organization_id, delivery_id, channel_id, event_id, create_time) ON notification_deliveries TO megarouter_usage;
-- A row ends with its events. It says with what an alert was sent.
GRANT SELECT, INSERT, UPDATE (frequency, quiet_hours, send_time, released_event_id, release_time) ON held_alerts TO megarouter_usage;
GRANT SELECT, INSERT, DELETE ON open_incidents TO megarouter_usage;
GRANT SELECT, INSERT, DELETE, UPDATE (failure_count, retry_time) ON alert_lags TO megarouter_usage;
GRANT SELECT ON mail_preferences TO megarouter_usage;
GRANT SELECT ON usage_names TO megarouter_usage;
GRANT EXECUTE ON FUNCTION mail_channels(text, text[]) TO megarouter_usage;

-- Statistics. Old ones are deleted.
GRANT SELECT, INSERT, UPDATE (call_count, update_time), DELETE ON refused_calls TO megarouter_usage;


-- admin_service -------------------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION bigint_sum(bigint), member_intersection(bit varying, bit varying), member_union(bit varying, bit varying), member_union(bit varying),
    identity_of_key(bytea), invite_of_token(bytea, text), my_accounts(), provider_outcomes(),
    present_spend(text, text, text), present_use(text, text, text),
    last_use_of_api_key(text, text),
    cycle_start(text, text), identity_revisions_of(text[]), unpacked(text), organization_summaries(text),
    organizations_of_user(text), organizations_of_claims(text, text[], text[], text),
    credential_of_secret(bytea), sign_in_link_of_secret(bytea), shared_export_of_secret(bytea), present_pepper(), temporary_limit_now(jsonb),
    bounds_now(jsonb), soft_threshold(jsonb, bigint, jsonb), more_limits_of(jsonb, jsonb, jsonb, jsonb),
    present_model_use(text, text, text), cycle_start_at(text, text, timestamp with time zone),
    counter_name(text, text, text, timestamp with time zone, bigint, text),
    budget_of_counter(text), rollover_budgets(guardrails), used_of(text, text), carried_of(text, bigint, bigint, text),
    carry_terms(text, text, text, text), periods_between(text, date, date), present_carry(text, text, text, text), model_budgets_of(guardrails),
    encoded_models(text), is_switched_off(text), organization_summaries_beyond(text, bigint, boolean), top_up_requests_beyond(text, bigint, boolean),
    usage_exports_waiting(integer), usage_exports_expired(integer), export_schedules_due(timestamp with time zone, integer), routing_of(text, text[], text), sealed_channels(text, text, integer),
    own_credentials_of(text), sealed_own_credentials(), reseal_own_credential(text, bytea, bytea),
    purge_deleted_organization(integer) TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE ON organizations, groups, users, members, api_keys, guardrails, guardrail_defaults TO megarouter_admin;
-- To revoke a token, and to replace the demo's token.
GRANT SELECT, INSERT, UPDATE (revoke_time, secret_hash, obfuscated_token, expire_time, may_operate) ON access_tokens TO megarouter_admin;
GRANT SELECT, INSERT ON user_identities, audit_log, operator_audit_log TO megarouter_admin;
-- Not issuer, subject and user_id: a link is for good.
GRANT UPDATE (email, display_name) ON user_identities TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE (display_name, permissions, secret_hash, obfuscated_secret, previous_secret_hash, previous_expire_time,
    expire_time, revoke_time, update_time) ON credentials TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE (use_time, revoke_time, access_token_id) ON sign_in_links TO megarouter_admin;
GRANT SELECT, INSERT, DELETE ON claim_mappings TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE ON scim_users, scim_groups TO megarouter_admin;
GRANT SELECT, INSERT, DELETE ON scim_group_members TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE (role, group_id, base_role, base_group_id, is_overridden), DELETE ON claim_memberships TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE (use_count, revoke_time, update_time, group_path) ON invites TO megarouter_admin;
GRANT SELECT, INSERT ON invoice_requests TO megarouter_admin;
-- notification_service sends them.
GRANT SELECT, INSERT ON outbox_messages TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE (is_off, event_types_off, update_time) ON mail_preferences TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON request_replays TO megarouter_admin;
-- Files that are made beside the calls, and deleted after a day. Not who asked for what.
GRANT SELECT, INSERT, DELETE ON usage_exports, usage_export_parts TO megarouter_admin;
GRANT UPDATE (state, progress_percent, row_count, size_bytes, part_count, last_sequence, ledger_position, complete, sha256, error_reason,
    error_message, attempts, claim, lease_end_time, start_time, end_time, expire_time, share_hash, share_expire_time) ON usage_exports TO megarouter_admin;
-- Not whose a schedule is.
GRANT SELECT, INSERT, DELETE, UPDATE (role, display_name, request, period, cadence, weekday, day_of_month, hour, pause_reason, due_after,
    next_run_time, time_zone, last_run_time, last_export_id, update_time) ON export_schedules TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE ON providers, models TO megarouter_admin;
-- What operators change while the gateway runs. No other service reads credentials, which are sealed.
GRANT SELECT, INSERT, UPDATE, DELETE ON provider_credentials TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE (live), DELETE ON organization_provider_credentials TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE ON listener_limits TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE (refusal) ON configuration_versions TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON configuration_answers TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON catalog_virtual_models, virtual_models, routing_policies TO megarouter_admin;
GRANT SELECT ON routed_calls TO megarouter_admin;
GRANT SELECT, INSERT ON price_versions TO megarouter_admin;
GRANT SELECT, UPDATE (personal_accounts, update_time) ON deployment_settings TO megarouter_admin;
-- To post top-ups, refunds and adjustments.
GRANT SELECT, INSERT ON ledger_transfers TO megarouter_admin;
GRANT SELECT, UPDATE (sequence) ON ledger_heads TO megarouter_admin;
GRANT SELECT, UPDATE (sequence, balance_nano_credits) ON ledger_accounts TO megarouter_admin;
-- Not used_nano_credits: only the ledger's trigger changes it.
GRANT SELECT, UPDATE (line_nano_credits, user_id, update_time) ON credit_lines TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE (state, decide_time, decider_user_id, decision_reason) ON top_up_requests TO megarouter_admin;
GRANT SELECT, INSERT ON credit_grants TO megarouter_admin;
-- To deliver what the budgets report.
GRANT SELECT, UPDATE (deliver_time) ON budget_events TO megarouter_admin;
-- To show usage in the admin API.
GRANT SELECT ON budget_carries, ledger_postings, holds, scope_spend, api_key_usage, usage_records, usage_corrections, usage_findings,
    usage_quarantine, usage_discrepancies, usage_facts, usage_rollups, usage_hours, usage_tagged_hours, usage_days, usage_months,
    usage_running_totals, usage_year_totals, usage_member_numbers, usage_member_sets, usage_tag_days, usage_names, refused_calls, usage_anomalies, standings, key_counts TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE ON anomaly_verdicts TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON analysis_settings TO megarouter_admin;

-- Alerts: rules, channels and the inbox. A replay makes a delivery pending again.
GRANT SELECT, INSERT, UPDATE, DELETE ON notification_rules, notification_channels TO megarouter_admin;
GRANT SELECT ON alert_events, notification_deliveries, delivery_attempts TO megarouter_admin;
-- To test a channel.
GRANT INSERT ON alert_events TO megarouter_admin;
GRANT INSERT (organization_id, delivery_id, channel_id, event_id) ON notification_deliveries TO megarouter_admin;
GRANT SELECT, UPDATE (acknowledge_time) ON inbox_entries TO megarouter_admin;
GRANT UPDATE (state, next_attempt_time, end_time, schedule_start_time, former_attempt_count, is_alone) ON notification_deliveries
    TO megarouter_admin;


-- notification_service ------------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION channels_with_deliveries_due(integer, timestamp with time zone), deliveries_waiting(),
    address_of_mailed_member(text, text), organizations_with_messages_due(integer), messages_waiting() TO megarouter_notification;
GRANT SELECT (organization_id, display_name) ON organizations TO megarouter_notification;
GRANT SELECT ON alert_events, notification_channels TO megarouter_notification;
GRANT UPDATE (state, disable_reason, disable_time, failing_since, next_attempt_time, bucket_time) ON notification_channels
    TO megarouter_notification;
GRANT SELECT, UPDATE (state, attempt_count, next_attempt_time, claim, lease_end_time, end_time, is_alone) ON notification_deliveries
    TO megarouter_notification;
GRANT SELECT, INSERT ON delivery_attempts TO megarouter_notification;
-- E-mail about requested invoices.
GRANT SELECT (organization_id, outbox_message_id, resource_name, recipient_email, attempts, attempt_time, deliver_time, claim),
    UPDATE (attempts, attempt_time, deliver_time, claim) ON outbox_messages TO megarouter_notification;
GRANT SELECT (organization_id, invoice_request_id, currency_code, amount_units, amount_nanos, credit_nano_credits, note, state, create_time),
    UPDATE (state) ON invoice_requests TO megarouter_notification;
-- Whether there is a mail server.
GRANT SELECT, UPDATE (sends_mail) ON deployment_settings TO megarouter_notification;


-- The audit -----------------------------------------------------------------------------------------------------------------------

GRANT SELECT ON organizations, groups, members, guardrails, budget_carries, providers, models, price_versions, ledger_accounts, ledger_heads,
    ledger_transfers, ledger_postings, holds, usage_records, usage_corrections, usage_findings, usage_quarantine,
    usage_discrepancies, scope_spend, journal_offsets, credit_lines, top_up_requests, credit_grants, usage_facts, usage_rollups,
    usage_hours, usage_tagged_hours, usage_days, usage_months, usage_running_totals, usage_year_totals, usage_member_numbers, usage_member_sets,
    usage_tag_days, usage_anomalies, standings, key_counts, standing_positions,
    catalog_virtual_models, routed_calls TO megarouter_audit;
-- Whose keys lists count and where they are, without their secrets.
GRANT SELECT (organization_id, api_key_id, member_id, group_path, state) ON api_keys TO megarouter_audit;
GRANT EXECUTE ON FUNCTION bigint_sum(bigint), local_hour(timestamp with time zone, text), cycle_start_at(text, text, timestamp with time zone)
    TO megarouter_audit;
