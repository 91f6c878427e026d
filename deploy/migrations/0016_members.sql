-- Groups and members as admins change them: when each was changed, groups in the order of their tree, and what a list of members
-- by group needs.

ALTER TABLE groups
    ADD COLUMN update_time timestamptz NOT NULL DEFAULT now(),
    -- Set for ever: the row stays, because usage names the group and its id is never used again.
    ADD COLUMN delete_time timestamptz,
    -- The path as a text by which every group stands right behind its parent: a blank comes before everything an id may have.
    ADD COLUMN tree_order  text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
        path[1] || coalesce(' ' || path[2], '') || coalesce(' ' || path[3], '') || coalesce(' ' || path[4], '')) STORED;
CREATE INDEX groups_by_tree ON groups (organization_id, tree_order);
CREATE INDEX groups_by_parent ON groups (organization_id, parent_group_id);

ALTER TABLE members ADD COLUMN update_time timestamptz NOT NULL DEFAULT now();
-- A group's members page by page, those of before excepted: they stay for ever, and would have to be stepped over.
DROP INDEX members_by_group;
CREATE INDEX members_by_group ON members (organization_id, group_id, member_id) WHERE state <> 'REMOVED';
CREATE INDEX members_of_organization ON members (organization_id, member_id) WHERE state <> 'REMOVED';
-- Few, and looked at with every change of a Super Admin.
CREATE INDEX active_super_admins ON members (organization_id, member_id) WHERE role = 'SUPER_ADMIN' AND state = 'ACTIVE';

-- A path that follows a move of a group is a change of that group and of the groups below it, not of their members.
CREATE FUNCTION set_update_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.update_time := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER groups_update_time BEFORE UPDATE ON groups
    FOR EACH ROW WHEN ((OLD.display_name, OLD.path, OLD.delete_time) IS DISTINCT FROM (NEW.display_name, NEW.path, NEW.delete_time))
    EXECUTE FUNCTION set_update_time();
CREATE TRIGGER members_update_time BEFORE UPDATE ON members
    FOR EACH ROW WHEN ((OLD.role, OLD.group_id, OLD.state) IS DISTINCT FROM (NEW.role, NEW.group_id, NEW.state))
    EXECUTE FUNCTION set_update_time();

-- What a scope has spent in the present cycle of its budget, and the budget; without a guardrail, in all. The counter is the one
-- that calls of now settle to.
CREATE FUNCTION present_spend(text, text, text)
RETURNS TABLE (spent_nano_credits bigint, budget_nano_credits bigint)
LANGUAGE sql STABLE AS $$
    -- $1 organization, $2 kind of the scope, $3 its id.
    SELECT coalesce(s.settled_nano_credits, 0), r.budget_nano_credits
      FROM organizations o
      LEFT JOIN guardrails r ON r.organization_id = o.organization_id AND r.scope_kind = $2 AND r.scope_id = $3
      LEFT JOIN scope_spend s ON s.organization_id = o.organization_id AND s.counter = concat_ws(':', $2, $3,
                coalesce(r.cycle, 'NEVER'), extract(epoch FROM cycle_start(coalesce(r.cycle, 'NEVER'), o.time_zone))::bigint,
                coalesce(r.cycle_revision, 0))
     WHERE o.organization_id = $1
$$;
