-- Indexes for lists of service accounts by creation, as members and API keys have them.
CREATE INDEX service_accounts_by_creation ON members (organization_id, create_time, member_id)
    WHERE state <> 'REMOVED' AND user_id IS NULL;
CREATE INDEX service_accounts_below_1_by_creation ON members (organization_id, (group_path[1]), create_time, member_id)
    WHERE state <> 'REMOVED' AND group_path[1] IS NOT NULL AND user_id IS NULL;
CREATE INDEX service_accounts_below_2_by_creation ON members (organization_id, (group_path[2]), create_time, member_id)
    WHERE state <> 'REMOVED' AND group_path[2] IS NOT NULL AND user_id IS NULL;
CREATE INDEX service_accounts_below_3_by_creation ON members (organization_id, (group_path[3]), create_time, member_id)
    WHERE state <> 'REMOVED' AND group_path[3] IS NOT NULL AND user_id IS NULL;
CREATE INDEX service_accounts_below_4_by_creation ON members (organization_id, (group_path[4]), create_time, member_id)
    WHERE state <> 'REMOVED' AND group_path[4] IS NOT NULL AND user_id IS NULL;

DROP FUNCTION my_accounts();
-- As before, with the name of the group.
CREATE FUNCTION my_accounts() RETURNS TABLE(organization_id text, display_name text, kind text, organization_state text, member_id text,
                                            role text, member_state text, group_id text, is_current boolean, group_display_name text)
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
           coalesce(o.organization_id = caller.current_id, false), coalesce(g.display_name, '')
      FROM caller
      JOIN members m ON m.user_id = caller.user_id AND m.state <> 'REMOVED'
      JOIN organizations o ON o.organization_id = m.organization_id
      LEFT JOIN groups g ON g.organization_id = m.organization_id AND g.group_id = m.group_id
$$;
