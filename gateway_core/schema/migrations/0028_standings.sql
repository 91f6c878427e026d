-- What lists of members, service accounts and API keys are ordered by: spend, calls, last use and number of keys.
--
-- `standings` has one row for each, whether it was ever used or not. usage_service copies the figures of the present period from
-- `scope_spend` about a second after settlement, so settlement pays nothing. Triggers keep everything else.
--
-- Nothing is written when a period ends. A row whose period is over counts as 0, and such rows come after all others of their cycle,
-- because the start of the period is before the spend in the indexes. So a page is one range of an index for each of the four cycles.
CREATE TABLE standings (
    organization_id    text NOT NULL,
    kind               text NOT NULL CHECK (kind IN ('member', 'service_account', 'api_key')),
    id                 text NOT NULL,
    -- Of the member's, or the owner's, group.
    group_path         text[] NOT NULL,
    is_removed         boolean NOT NULL,
    -- Of the guardrail. Without one: NEVER and 0.
    cycle              text NOT NULL,
    revision           bigint NOT NULL,
    -- The period that the figures are of, in epoch seconds as in counters; 0 before the first.
    period_start       bigint NOT NULL DEFAULT 0,
    spent_nano_credits bigint NOT NULL DEFAULT 0,
    call_count         bigint NOT NULL DEFAULT 0,
    -- In any period. 1970 if never.
    last_use_time      timestamptz NOT NULL DEFAULT 'epoch',
    PRIMARY KEY (organization_id, kind, id)
);

-- How many keys members and service accounts have, without deleted ones. A table of its own: calls do not change it.
CREATE TABLE key_counts (
    organization_id    text NOT NULL,
    kind               text NOT NULL CHECK (kind IN ('member', 'service_account')),
    id                 text NOT NULL,
    group_path         text[] NOT NULL,
    is_removed         boolean NOT NULL,
    key_count          bigint NOT NULL,
    PRIMARY KEY (organization_id, kind, id)
);

-- The number of the last event of the ledger that is in the standings.
CREATE TABLE standing_positions (
    organization_id    text PRIMARY KEY REFERENCES organizations,
    sequence           bigint NOT NULL DEFAULT 0 CHECK (sequence >= 0)
);

CALL divide_by_organization('standings');
CALL divide_by_organization('key_counts');
CALL divide_by_organization('standing_positions');

-- Returns the standing of a scope in the present period, as its counter has it. `of_kind` is member or api_key.
CREATE FUNCTION present_standing(organization text, of_kind text, of_id text)
RETURNS TABLE (cycle text, revision bigint, period_start bigint, spent_nano_credits bigint, call_count bigint)
LANGUAGE sql STABLE AS $$
    SELECT p.cycle, p.revision, CASE WHEN s.counter IS NULL THEN 0 ELSE p.start END, coalesce(s.settled_nano_credits, 0),
           coalesce(s.call_count, 0)
      FROM (SELECT q.cycle, q.revision,
                   CASE q.cycle WHEN 'NEVER' THEN 0 ELSE extract(epoch FROM cycle_start(q.cycle, q.time_zone))::bigint END AS start
              FROM (SELECT coalesce(r.cycle, 'NEVER') AS cycle, coalesce(r.cycle_revision, 0) AS revision, o.time_zone
                      FROM organizations o
                      LEFT JOIN guardrails r ON r.organization_id = organization AND r.scope_kind = of_kind AND r.scope_id = of_id
                     WHERE o.organization_id = organization) AS q) AS p
      LEFT JOIN scope_spend s ON s.organization_id = organization
                             AND s.counter = concat_ws(':', of_kind, of_id, p.cycle, p.start, p.revision)
$$;

-- A row exists from the insert on. For all rows of a statement at once, because imports insert many.
CREATE FUNCTION begin_standings_of_members() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO standings
    SELECT a.organization_id, CASE WHEN a.user_id IS NULL THEN 'service_account' ELSE 'member' END, a.member_id, a.group_path,
           a.state = 'REMOVED', p.*
      FROM added a CROSS JOIN LATERAL present_standing(a.organization_id, 'member', a.member_id) AS p;
    INSERT INTO key_counts
    SELECT a.organization_id, CASE WHEN a.user_id IS NULL THEN 'service_account' ELSE 'member' END, a.member_id, a.group_path,
           a.state = 'REMOVED', 0
      FROM added a;
    RETURN NULL;
END $$;
CREATE TRIGGER members_begin_standings AFTER INSERT ON members REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION begin_standings_of_members();

CREATE FUNCTION begin_standings_of_keys() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO standings
    SELECT a.organization_id, 'api_key', a.api_key_id, a.group_path, a.state = 'DELETED', p.*
      FROM added a CROSS JOIN LATERAL present_standing(a.organization_id, 'api_key', a.api_key_id) AS p;
    UPDATE key_counts c SET key_count = c.key_count + n.key_count
      FROM (SELECT organization_id, member_id, count(*) AS key_count FROM added WHERE state <> 'DELETED' GROUP BY 1, 2) AS n
     WHERE c.organization_id = n.organization_id AND c.kind IN ('member', 'service_account') AND c.id = n.member_id;
    RETURN NULL;
END $$;
CREATE TRIGGER api_keys_begin_standings AFTER INSERT ON api_keys REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION begin_standings_of_keys();

-- It moves with its member, service account or key.
CREATE FUNCTION place_standing() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'members' THEN
        UPDATE standings SET group_path = NEW.group_path, is_removed = NEW.state = 'REMOVED'
         WHERE organization_id = NEW.organization_id AND kind IN ('member', 'service_account') AND id = NEW.member_id;
        UPDATE key_counts SET group_path = NEW.group_path, is_removed = NEW.state = 'REMOVED'
         WHERE organization_id = NEW.organization_id AND kind IN ('member', 'service_account') AND id = NEW.member_id;
    ELSE
        UPDATE standings SET group_path = NEW.group_path, is_removed = NEW.state = 'DELETED'
         WHERE organization_id = NEW.organization_id AND kind = 'api_key' AND id = NEW.api_key_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER members_place_standing AFTER UPDATE ON members FOR EACH ROW
    WHEN (OLD.group_path IS DISTINCT FROM NEW.group_path OR (OLD.state = 'REMOVED') <> (NEW.state = 'REMOVED'))
    EXECUTE FUNCTION place_standing();
CREATE TRIGGER api_keys_place_standing AFTER UPDATE ON api_keys FOR EACH ROW
    WHEN (OLD.group_path IS DISTINCT FROM NEW.group_path OR (OLD.state = 'DELETED') <> (NEW.state = 'DELETED'))
    EXECUTE FUNCTION place_standing();

CREATE FUNCTION count_keys() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.state <> 'DELETED' THEN
        UPDATE key_counts SET key_count = key_count - 1
         WHERE organization_id = OLD.organization_id AND kind IN ('member', 'service_account') AND id = OLD.member_id;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.state <> 'DELETED' THEN
        UPDATE key_counts SET key_count = key_count + 1
         WHERE organization_id = NEW.organization_id AND kind IN ('member', 'service_account') AND id = NEW.member_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER api_keys_count AFTER DELETE ON api_keys FOR EACH ROW EXECUTE FUNCTION count_keys();
CREATE TRIGGER api_keys_count_change AFTER UPDATE ON api_keys FOR EACH ROW
    WHEN (OLD.member_id <> NEW.member_id OR (OLD.state = 'DELETED') <> (NEW.state = 'DELETED'))
    EXECUTE FUNCTION count_keys();

-- No service deletes members or keys, but the owner may.
CREATE FUNCTION remove_standing() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'members' THEN
        DELETE FROM standings WHERE organization_id = OLD.organization_id AND kind <> 'api_key' AND id = OLD.member_id;
        DELETE FROM key_counts WHERE organization_id = OLD.organization_id AND id = OLD.member_id;
    ELSE
        DELETE FROM standings WHERE organization_id = OLD.organization_id AND kind = 'api_key' AND id = OLD.api_key_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER members_remove_standing AFTER DELETE ON members FOR EACH ROW EXECUTE FUNCTION remove_standing();
CREATE TRIGGER api_keys_remove_standing AFTER DELETE ON api_keys FOR EACH ROW EXECUTE FUNCTION remove_standing();

-- Another cycle, another time zone and a reset begin another counter.
CREATE FUNCTION restart_standing() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    changed CONSTANT guardrails := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    UPDATE standings t
       SET (cycle, revision, period_start, spent_nano_credits, call_count) = (
               SELECT * FROM present_standing(changed.organization_id, changed.scope_kind, changed.scope_id))
     WHERE t.organization_id = changed.organization_id AND t.id = changed.scope_id
       AND t.kind = ANY (CASE changed.scope_kind WHEN 'member' THEN ARRAY['member', 'service_account']
                                                 WHEN 'api_key' THEN ARRAY['api_key'] END);
    RETURN NULL;
END $$;
-- After `guardrails_carry_spend_over`, which writes the new counter.
CREATE TRIGGER guardrails_restart_standing AFTER INSERT OR DELETE ON guardrails
    FOR EACH ROW EXECUTE FUNCTION restart_standing();
CREATE TRIGGER guardrails_restart_standing_of_change AFTER UPDATE ON guardrails FOR EACH ROW
    WHEN (OLD.cycle IS DISTINCT FROM NEW.cycle OR OLD.cycle_revision IS DISTINCT FROM NEW.cycle_revision)
    EXECUTE FUNCTION restart_standing();

-- The positions first: what is settled after them is looked at again.
INSERT INTO standing_positions SELECT organization_id, sequence FROM ledger_heads;
INSERT INTO standings
SELECT m.organization_id, CASE WHEN m.user_id IS NULL THEN 'service_account' ELSE 'member' END, m.member_id, m.group_path,
       m.state = 'REMOVED', p.*
  FROM members m CROSS JOIN LATERAL present_standing(m.organization_id, 'member', m.member_id) AS p;
INSERT INTO standings
SELECT k.organization_id, 'api_key', k.api_key_id, k.group_path, k.state = 'DELETED', p.*, coalesce(u.last_use_time, 'epoch')
  FROM api_keys k
 CROSS JOIN LATERAL present_standing(k.organization_id, 'api_key', k.api_key_id) AS p
  LEFT JOIN api_key_usage u ON u.organization_id = k.organization_id AND u.api_key_id = k.api_key_id;
INSERT INTO key_counts
SELECT m.organization_id, CASE WHEN m.user_id IS NULL THEN 'service_account' ELSE 'member' END, m.member_id, m.group_path,
       m.state = 'REMOVED',
       (SELECT count(*) FROM api_keys k
         WHERE k.organization_id = m.organization_id AND k.member_id = m.member_id AND k.state <> 'DELETED')
  FROM members m;

-- One range of an index is a page, of the organization or of a group at one of the four levels.
CREATE INDEX standings_by_spend ON standings (organization_id, kind, is_removed, cycle, period_start, spent_nano_credits, id);
CREATE INDEX standings_below_1_by_spend
    ON standings (organization_id, kind, is_removed, (group_path[1]), cycle, period_start, spent_nano_credits, id)
 WHERE group_path[1] IS NOT NULL;
CREATE INDEX standings_below_2_by_spend
    ON standings (organization_id, kind, is_removed, (group_path[2]), cycle, period_start, spent_nano_credits, id)
 WHERE group_path[2] IS NOT NULL;
CREATE INDEX standings_below_3_by_spend
    ON standings (organization_id, kind, is_removed, (group_path[3]), cycle, period_start, spent_nano_credits, id)
 WHERE group_path[3] IS NOT NULL;
CREATE INDEX standings_below_4_by_spend
    ON standings (organization_id, kind, is_removed, (group_path[4]), cycle, period_start, spent_nano_credits, id)
 WHERE group_path[4] IS NOT NULL;
-- Without the kind, which the condition fixes: PostgreSQL does not look for it in the index then.
CREATE INDEX standings_by_calls ON standings (organization_id, is_removed, cycle, period_start, call_count, id)
 WHERE kind = 'api_key';
CREATE INDEX standings_below_1_by_calls
    ON standings (organization_id, is_removed, (group_path[1]), cycle, period_start, call_count, id)
 WHERE kind = 'api_key' AND group_path[1] IS NOT NULL;
CREATE INDEX standings_below_2_by_calls
    ON standings (organization_id, is_removed, (group_path[2]), cycle, period_start, call_count, id)
 WHERE kind = 'api_key' AND group_path[2] IS NOT NULL;
CREATE INDEX standings_below_3_by_calls
    ON standings (organization_id, is_removed, (group_path[3]), cycle, period_start, call_count, id)
 WHERE kind = 'api_key' AND group_path[3] IS NOT NULL;
CREATE INDEX standings_below_4_by_calls
    ON standings (organization_id, is_removed, (group_path[4]), cycle, period_start, call_count, id)
 WHERE kind = 'api_key' AND group_path[4] IS NOT NULL;
CREATE INDEX standings_by_use ON standings (organization_id, is_removed, last_use_time, id) WHERE kind = 'api_key';
CREATE INDEX standings_below_1_by_use ON standings (organization_id, is_removed, (group_path[1]), last_use_time, id)
 WHERE kind = 'api_key' AND group_path[1] IS NOT NULL;
CREATE INDEX standings_below_2_by_use ON standings (organization_id, is_removed, (group_path[2]), last_use_time, id)
 WHERE kind = 'api_key' AND group_path[2] IS NOT NULL;
CREATE INDEX standings_below_3_by_use ON standings (organization_id, is_removed, (group_path[3]), last_use_time, id)
 WHERE kind = 'api_key' AND group_path[3] IS NOT NULL;
CREATE INDEX standings_below_4_by_use ON standings (organization_id, is_removed, (group_path[4]), last_use_time, id)
 WHERE kind = 'api_key' AND group_path[4] IS NOT NULL;
CREATE INDEX key_counts_by_count ON key_counts (organization_id, kind, is_removed, key_count, id);
CREATE INDEX key_counts_below_1 ON key_counts (organization_id, kind, is_removed, (group_path[1]), key_count, id)
 WHERE group_path[1] IS NOT NULL;
CREATE INDEX key_counts_below_2 ON key_counts (organization_id, kind, is_removed, (group_path[2]), key_count, id)
 WHERE group_path[2] IS NOT NULL;
CREATE INDEX key_counts_below_3 ON key_counts (organization_id, kind, is_removed, (group_path[3]), key_count, id)
 WHERE group_path[3] IS NOT NULL;
CREATE INDEX key_counts_below_4 ON key_counts (organization_id, kind, is_removed, (group_path[4]), key_count, id)
 WHERE group_path[4] IS NOT NULL;
ANALYZE standings, key_counts;
