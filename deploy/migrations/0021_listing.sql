-- Lists that page in constant time, also for who sees a subtree only: every row carries the path of its group, and each of the four
-- levels has an index on the group at that level and the list's order. A join to the groups would have to look at every row.

ALTER TABLE members  ADD COLUMN group_path text[] NOT NULL DEFAULT '{}';
ALTER TABLE api_keys ADD COLUMN group_path text[] NOT NULL DEFAULT '{}';

-- The paths are copies: only these triggers write them. FOR SHARE: who moves what is read here waits, and then finds the new row.
CREATE FUNCTION place_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.group_path := '{}';
    IF NEW.group_id IS NOT NULL THEN
        SELECT path INTO NEW.group_path FROM groups
         WHERE organization_id = NEW.organization_id AND group_id = NEW.group_id FOR SHARE;
        -- Without a row the foreign key speaks.
        NEW.group_path := coalesce(NEW.group_path, '{}');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER members_place BEFORE INSERT OR UPDATE OF group_id, group_path ON members
    FOR EACH ROW EXECUTE FUNCTION place_member();

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

CREATE FUNCTION place_api_keys_of_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE api_keys SET group_path = NEW.group_path WHERE organization_id = NEW.organization_id AND member_id = NEW.member_id;
    RETURN NULL;
END $$;
CREATE TRIGGER members_place_api_keys AFTER UPDATE ON members
    FOR EACH ROW WHEN (OLD.group_path IS DISTINCT FROM NEW.group_path) EXECUTE FUNCTION place_api_keys_of_member();

-- A path that follows a move is no change of the member or key: the data plane is told of the move itself, once.
DROP TRIGGER members_notify ON members;
CREATE TRIGGER members_notify AFTER INSERT OR DELETE ON members
    FOR EACH ROW EXECUTE FUNCTION notify_identity_change('member');
CREATE TRIGGER members_notify_change AFTER UPDATE ON members
    FOR EACH ROW WHEN (OLD.group_path = NEW.group_path OR OLD.group_id IS DISTINCT FROM NEW.group_id)
    EXECUTE FUNCTION notify_identity_change('member');
DROP TRIGGER api_keys_notify ON api_keys;
CREATE TRIGGER api_keys_notify AFTER INSERT OR DELETE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION notify_identity_change('api_key');
CREATE TRIGGER api_keys_notify_change AFTER UPDATE ON api_keys
    FOR EACH ROW WHEN (OLD.group_path = NEW.group_path OR OLD.member_id IS DISTINCT FROM NEW.member_id)
    EXECUTE FUNCTION notify_identity_change('api_key');

UPDATE members  SET group_path = group_path;

-- Members in the order of their ids: all of an organization by the primary key, the subtree of a group by these.
CREATE INDEX members_below_1 ON members (organization_id, (group_path[1]), member_id) WHERE group_path[1] IS NOT NULL;
CREATE INDEX members_below_2 ON members (organization_id, (group_path[2]), member_id) WHERE group_path[2] IS NOT NULL;
CREATE INDEX members_below_3 ON members (organization_id, (group_path[3]), member_id) WHERE group_path[3] IS NOT NULL;
CREATE INDEX members_below_4 ON members (organization_id, (group_path[4]), member_id) WHERE group_path[4] IS NOT NULL;

-- Keys that are not deleted, in the order of their ids. Those that are stay for ever, and would have to be stepped over.
CREATE INDEX api_keys_of_organization ON api_keys (organization_id, api_key_id) WHERE state <> 'DELETED';
CREATE INDEX api_keys_below_1 ON api_keys (organization_id, (group_path[1]), api_key_id)
    WHERE state <> 'DELETED' AND group_path[1] IS NOT NULL;
CREATE INDEX api_keys_below_2 ON api_keys (organization_id, (group_path[2]), api_key_id)
    WHERE state <> 'DELETED' AND group_path[2] IS NOT NULL;
CREATE INDEX api_keys_below_3 ON api_keys (organization_id, (group_path[3]), api_key_id)
    WHERE state <> 'DELETED' AND group_path[3] IS NOT NULL;
CREATE INDEX api_keys_below_4 ON api_keys (organization_id, (group_path[4]), api_key_id)
    WHERE state <> 'DELETED' AND group_path[4] IS NOT NULL;
DROP INDEX api_keys_by_member;
CREATE INDEX api_keys_by_member ON api_keys (organization_id, member_id, api_key_id);

-- The log of a subtree.
CREATE INDEX audit_log_below_1 ON audit_log (organization_id, (group_path[1]), sequence) WHERE group_path[1] IS NOT NULL;
CREATE INDEX audit_log_below_2 ON audit_log (organization_id, (group_path[2]), sequence) WHERE group_path[2] IS NOT NULL;
CREATE INDEX audit_log_below_3 ON audit_log (organization_id, (group_path[3]), sequence) WHERE group_path[3] IS NOT NULL;
CREATE INDEX audit_log_below_4 ON audit_log (organization_id, (group_path[4]), sequence) WHERE group_path[4] IS NOT NULL;

-- And without those of before: they stay for ever, and would have to be stepped over. Those above serve who asks for them too.
CREATE INDEX present_members_below_1 ON members (organization_id, (group_path[1]), member_id)
    WHERE state <> 'REMOVED' AND group_path[1] IS NOT NULL;
CREATE INDEX present_members_below_2 ON members (organization_id, (group_path[2]), member_id)
    WHERE state <> 'REMOVED' AND group_path[2] IS NOT NULL;
CREATE INDEX present_members_below_3 ON members (organization_id, (group_path[3]), member_id)
    WHERE state <> 'REMOVED' AND group_path[3] IS NOT NULL;
CREATE INDEX present_members_below_4 ON members (organization_id, (group_path[4]), member_id)
    WHERE state <> 'REMOVED' AND group_path[4] IS NOT NULL;
