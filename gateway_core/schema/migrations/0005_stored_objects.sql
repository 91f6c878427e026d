-- What a provider stores under an id that it handed out: responses and their items, containers, files. All organizations share one
-- account at a provider, so an id passes only for the member to whom an answer gave it, or for whom an operator registered it.
CREATE TABLE stored_objects (
    -- Ids are unique at a provider, not among providers.
    provider_id          text NOT NULL,
    kind                 text NOT NULL CHECK (kind IN ('response', 'item', 'conversation', 'prompt', 'container', 'cached_content', 'file',
                                                       'audio')),
    object_id            text NOT NULL CHECK (length(object_id) BETWEEN 1 AND 256),
    organization_id      text NOT NULL,
    -- Empty: every member of the organization. Only an operator registers such an id.
    member_id            text NOT NULL,
    -- The response that handed it out; NULL if there is none.
    response_id          text,
    -- The model of that call, and the most input tokens that the object adds to a later call of the model; NULL if unknown.
    requested_model      text,
    tokens               bigint CHECK (tokens >= 0),
    is_registered        boolean NOT NULL DEFAULT false,
    create_time          timestamptz NOT NULL DEFAULT now(),
    expire_time          timestamptz NOT NULL DEFAULT 'infinity',
    -- Empty for an id from an answer, so that it belongs to one member only: the first. An operator may share an id.
    registered_for       text NOT NULL GENERATED ALWAYS AS (
        CASE WHEN is_registered THEN organization_id || ' ' || member_id ELSE '' END) STORED,
    PRIMARY KEY (object_id, kind, provider_id, registered_for),
    CONSTRAINT answers_name_a_member CHECK (is_registered OR member_id <> '')
);
CREATE INDEX stored_objects_by_expiry ON stored_objects (expire_time);
CALL divide_by_organization('stored_objects');

-- Returns those of the ids that a member may name. Without a provider, those of every provider.
CREATE FUNCTION stored_objects_of(of_organization text, of_member text, of_provider text, kinds text[], object_ids text[])
RETURNS TABLE (provider_id text, kind text, object_id text, response_id text, requested_model text, tokens bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.provider_id, s.kind, s.object_id, s.response_id, s.requested_model, s.tokens
      FROM unnest(kinds, object_ids) AS asked (kind, object_id)
      JOIN stored_objects s ON s.object_id = asked.object_id AND s.kind = asked.kind
     WHERE s.organization_id = of_organization AND s.member_id IN (of_member, '') AND s.expire_time > now()
       AND (of_provider IS NULL OR s.provider_id = of_provider)
$$;

-- Deletes expired ids, at most so many. Returns how many it deleted.
CREATE FUNCTION forget_expired_objects(at_most integer) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH expired AS (
        SELECT object_id, kind, provider_id, registered_for FROM stored_objects
         WHERE expire_time <= now() ORDER BY expire_time LIMIT at_most FOR UPDATE SKIP LOCKED
    ), forgotten AS (
        DELETE FROM stored_objects USING expired
         WHERE (stored_objects.object_id, stored_objects.kind, stored_objects.provider_id, stored_objects.registered_for)
             = (expired.object_id, expired.kind, expired.provider_id, expired.registered_for)
        RETURNING 1
    )
    SELECT count(*) FROM forgotten
$$;
