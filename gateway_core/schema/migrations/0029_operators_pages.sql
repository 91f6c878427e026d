-- Pages of what operators list across organizations: the rows after or before one, without computing the others.

-- No id is as long, so every id comes before it.
CREATE FUNCTION after_every_id() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT repeat('z', 70) $$;

DROP FUNCTION organization_summaries_after(text, bigint);
-- The first rows beyond `last_organization` in one direction, by id; '' begins at the end that the direction begins at.
CREATE FUNCTION organization_summaries_beyond(last_organization text, most bigint, descending boolean)
RETURNS TABLE (organization_id text, display_name text, kind text, state text, is_blocked boolean, balance_nano_credits bigint,
               topped_up_nano_credits bigint, adjusted_nano_credits bigint, spent_nano_credits bigint, line_nano_credits bigint,
               used_nano_credits bigint, pending_request_count bigint, create_time timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.*
      FROM ((SELECT o.organization_id FROM organizations o WHERE NOT descending AND o.organization_id > last_organization
              ORDER BY o.organization_id LIMIT most)
            UNION ALL
            (SELECT o.organization_id FROM organizations o
              WHERE descending AND o.organization_id < coalesce(nullif(last_organization, ''), after_every_id())
              ORDER BY o.organization_id DESC LIMIT most)) AS page
     CROSS JOIN LATERAL organization_summaries(page.organization_id) s
$$;

DROP FUNCTION every_top_up_request();
CREATE INDEX top_up_requests_by_id ON top_up_requests (top_up_request_id);
-- As `organization_summaries_beyond`, for the requests of all organizations.
CREATE FUNCTION top_up_requests_beyond(last_request text, most bigint, descending boolean)
RETURNS TABLE (organization_id text, top_up_request_id text, user_id text, amount_nano_credits bigint, reason text, state text,
               create_time timestamptz, decide_time timestamptz, decider_user_id text, decision_reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    (SELECT organization_id, top_up_request_id, user_id, amount_nano_credits, reason, state, create_time, decide_time,
            decider_user_id, decision_reason
       FROM top_up_requests WHERE NOT descending AND top_up_request_id > last_request ORDER BY top_up_request_id LIMIT most)
    UNION ALL
    (SELECT organization_id, top_up_request_id, user_id, amount_nano_credits, reason, state, create_time, decide_time,
            decider_user_id, decision_reason
       FROM top_up_requests WHERE descending AND top_up_request_id < coalesce(nullif(last_request, ''), after_every_id())
      ORDER BY top_up_request_id DESC LIMIT most)
$$;
