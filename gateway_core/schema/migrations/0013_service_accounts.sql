-- Service accounts: they own keys and are no person. One is a row of `members` without a user, so that everything about a key's owner
-- (identity, counters, guardrail, records) is the same. Their ids begin with `sa-`, so an id alone tells what it names.
ALTER TABLE members ALTER COLUMN user_id DROP NOT NULL;
ALTER TABLE members
    -- Only of a service account. The name of a person is in `users`.
    ADD COLUMN display_name text CHECK (length(display_name) BETWEEN 1 AND 200),
    ADD CONSTRAINT person_or_service_account CHECK (
        (user_id IS NULL) = (member_id LIKE 'sa-%') AND (user_id IS NULL) = (display_name IS NOT NULL)
        AND (user_id IS NOT NULL OR role = 'MEMBER'));

DROP TRIGGER members_update_time ON members;
CREATE TRIGGER members_update_time BEFORE UPDATE ON members
    FOR EACH ROW WHEN (OLD.role IS DISTINCT FROM NEW.role OR OLD.group_id IS DISTINCT FROM NEW.group_id
                       OR OLD.state IS DISTINCT FROM NEW.state OR OLD.display_name IS DISTINCT FROM NEW.display_name)
    EXECUTE FUNCTION set_update_time();

-- A list of members must not read past any number of service accounts, nor a list of service accounts past members.
DROP INDEX members_of_organization, members_by_group, members_below_1, members_below_2, members_below_3, members_below_4,
    present_members_below_1, present_members_below_2, present_members_below_3, present_members_below_4;
CREATE INDEX members_of_organization ON members (organization_id, member_id) WHERE state <> 'REMOVED' AND user_id IS NOT NULL;
CREATE INDEX members_by_group ON members (organization_id, group_id, member_id) WHERE state <> 'REMOVED' AND user_id IS NOT NULL;
CREATE INDEX members_below_1 ON members (organization_id, (group_path[1]), member_id)
    WHERE group_path[1] IS NOT NULL AND user_id IS NOT NULL;
CREATE INDEX members_below_2 ON members (organization_id, (group_path[2]), member_id)
    WHERE group_path[2] IS NOT NULL AND user_id IS NOT NULL;
CREATE INDEX members_below_3 ON members (organization_id, (group_path[3]), member_id)
    WHERE group_path[3] IS NOT NULL AND user_id IS NOT NULL;
CREATE INDEX members_below_4 ON members (organization_id, (group_path[4]), member_id)
    WHERE group_path[4] IS NOT NULL AND user_id IS NOT NULL;
CREATE INDEX present_members_below_1 ON members (organization_id, (group_path[1]), member_id)
    WHERE state <> 'REMOVED' AND group_path[1] IS NOT NULL AND user_id IS NOT NULL;
CREATE INDEX present_members_below_2 ON members (organization_id, (group_path[2]), member_id)
    WHERE state <> 'REMOVED' AND group_path[2] IS NOT NULL AND user_id IS NOT NULL;
CREATE INDEX present_members_below_3 ON members (organization_id, (group_path[3]), member_id)
    WHERE state <> 'REMOVED' AND group_path[3] IS NOT NULL AND user_id IS NOT NULL;
CREATE INDEX present_members_below_4 ON members (organization_id, (group_path[4]), member_id)
    WHERE state <> 'REMOVED' AND group_path[4] IS NOT NULL AND user_id IS NOT NULL;
CREATE INDEX service_accounts_of_organization ON members (organization_id, member_id) WHERE user_id IS NULL;
CREATE INDEX service_accounts_by_group ON members (organization_id, group_id, member_id) WHERE user_id IS NULL;
CREATE INDEX service_accounts_below_1 ON members (organization_id, (group_path[1]), member_id)
    WHERE group_path[1] IS NOT NULL AND user_id IS NULL;
CREATE INDEX service_accounts_below_2 ON members (organization_id, (group_path[2]), member_id)
    WHERE group_path[2] IS NOT NULL AND user_id IS NULL;
CREATE INDEX service_accounts_below_3 ON members (organization_id, (group_path[3]), member_id)
    WHERE group_path[3] IS NOT NULL AND user_id IS NULL;
CREATE INDEX service_accounts_below_4 ON members (organization_id, (group_path[4]), member_id)
    WHERE group_path[4] IS NOT NULL AND user_id IS NULL;

-- The guardrail of a service account is named after it.
ALTER TABLE guardrails DROP COLUMN guardrail_id;
ALTER TABLE guardrails ADD COLUMN guardrail_id text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
    CASE WHEN scope_kind = 'organization' THEN 'organization'
         WHEN scope_kind = 'api_key' THEN 'apikey-' || scope_id
         WHEN scope_kind = 'member' AND scope_id LIKE 'sa-%' THEN 'serviceaccount-' || scope_id
         ELSE scope_kind || '-' || scope_id END) STORED;
CREATE INDEX guardrails_by_name ON guardrails (organization_id, guardrail_id);
