-- What callers think of answers, and what of calls to virtual models says something of their quality without their texts.

ALTER TABLE routed_calls
    -- What the caller got as `x-request-id`. NULL in rows of before.
    ADD COLUMN request_id text,
    -- Empty for a virtual model of the catalog.
    ADD COLUMN virtual_model_id text NOT NULL DEFAULT '',
    -- The loss that the policy of the caller allowed.
    ADD COLUMN max_loss_basis_points integer NOT NULL DEFAULT 0,
    -- How many turns the conversation had. NULL if it is not known.
    ADD COLUMN turns integer,
    -- What went wrong: truncated, refused, abandoned, failed.
    ADD COLUMN signals text[] NOT NULL DEFAULT '{}';
CREATE INDEX routed_calls_by_request ON routed_calls (organization_id, request_id) WHERE request_id IS NOT NULL;

-- One of each caller for a call: a later one replaces it.
CREATE TABLE call_ratings (
    organization_id text NOT NULL REFERENCES organizations,
    request_id      text NOT NULL,
    member_id       text NOT NULL,
    -- NULL until the call is settled.
    hold_id         text,
    rating          text NOT NULL CHECK (rating IN ('good', 'bad')),
    reason          text CHECK (reason IN ('incorrect', 'incomplete', 'off_topic', 'refused', 'too_long', 'too_slow', 'wrong_format',
                                           'other')),
    create_time     timestamptz NOT NULL DEFAULT now(),
    update_time     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, request_id, member_id)
);
CREATE UNIQUE INDEX call_ratings_by_call ON call_ratings (hold_id) WHERE hold_id IS NOT NULL;
CREATE INDEX call_ratings_waiting ON call_ratings (organization_id, member_id) WHERE hold_id IS NULL;
CALL divide_by_organization('call_ratings');

-- Stores what a member thinks of the answer of a request. Returns `recorded`, `pending` if the call may be one of the member's that are
-- not settled yet, or `unknown`: the member has no such call to a virtual model in 7 days. Whose call it is otherwise, it does not say.
CREATE FUNCTION rate_call(of_organization text, of_member text, of_request text, given text, given_reason text, may_wait boolean)
RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    most_waiting CONSTANT integer := 100;
    rated text;
BEGIN
    SELECT c.hold_id INTO rated
      FROM routed_calls c JOIN usage_records r ON r.hold_id = c.hold_id
     WHERE c.organization_id = of_organization AND c.request_id = of_request AND r.member_id = of_member
       AND c.place_time > now() - interval '7 days';
    IF rated IS NULL AND (
        NOT may_wait
        OR EXISTS (SELECT FROM routed_calls c WHERE c.organization_id = of_organization AND c.request_id = of_request)
        OR NOT EXISTS (SELECT FROM holds h WHERE h.organization_id = of_organization AND h.member_id = of_member AND h.state = 'HELD')
        OR (SELECT count(*) FROM call_ratings w
             WHERE w.organization_id = of_organization AND w.member_id = of_member AND w.hold_id IS NULL) >= most_waiting
    ) THEN
        RETURN 'unknown';
    END IF;
    INSERT INTO call_ratings (organization_id, request_id, member_id, hold_id, rating, reason)
    VALUES (of_organization, of_request, of_member, rated, given, given_reason)
    ON CONFLICT (organization_id, request_id, member_id) DO UPDATE
       SET hold_id = coalesce(excluded.hold_id, call_ratings.hold_id), rating = excluded.rating, reason = excluded.reason,
           update_time = clock_timestamp();
    RETURN CASE WHEN rated IS NULL THEN 'pending' ELSE 'recorded' END;
END $$;

-- Gives ratings that came before their calls were settled to these calls, and forgets those that have waited for a day.
CREATE FUNCTION match_ratings() RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    matched bigint;
BEGIN
    UPDATE call_ratings w SET hold_id = c.hold_id
      FROM routed_calls c JOIN usage_records r ON r.hold_id = c.hold_id
     WHERE w.hold_id IS NULL AND c.organization_id = w.organization_id AND c.request_id = w.request_id
       AND r.member_id = w.member_id;
    GET DIAGNOSTICS matched = ROW_COUNT;
    DELETE FROM call_ratings WHERE hold_id IS NULL AND create_time < now() - interval '1 day';
    RETURN matched;
END $$;
