-- Which pepper hashed a secret, so that a pepper can be replaced while old and new secrets are accepted.

-- The name of the pepper, from the connection that wrote the hash. NULL: written before this migration.
ALTER TABLE api_keys ADD COLUMN pepper text, ADD COLUMN previous_pepper text;
ALTER TABLE credentials ADD COLUMN pepper text, ADD COLUMN previous_pepper text;
ALTER TABLE access_tokens ADD COLUMN pepper text;
ALTER TABLE invites ADD COLUMN pepper text;
ALTER TABLE sign_in_links ADD COLUMN pepper text;

CREATE FUNCTION present_pepper() RETURNS text
LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('megarouter.pepper', true), '') $$;

CREATE FUNCTION note_pepper() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.secret_hash IS DISTINCT FROM OLD.secret_hash THEN
        NEW.pepper := present_pepper();
    END IF;
    RETURN NEW;
END
$$;

-- A rotated key keeps its old secret for a while, so the name moves along with the hash.
CREATE FUNCTION note_previous_pepper() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.previous_secret_hash IS NULL THEN
        NEW.previous_pepper := NULL;
    ELSIF NEW.previous_secret_hash = OLD.secret_hash THEN
        NEW.previous_pepper := OLD.pepper;
    ELSIF NEW.previous_secret_hash IS DISTINCT FROM OLD.previous_secret_hash THEN
        NEW.previous_pepper := present_pepper();
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER note_pepper BEFORE INSERT OR UPDATE OF secret_hash ON api_keys FOR EACH ROW EXECUTE FUNCTION note_pepper();
CREATE TRIGGER note_pepper BEFORE INSERT OR UPDATE OF secret_hash ON credentials FOR EACH ROW EXECUTE FUNCTION note_pepper();
CREATE TRIGGER note_pepper BEFORE INSERT OR UPDATE OF secret_hash ON access_tokens FOR EACH ROW EXECUTE FUNCTION note_pepper();
CREATE TRIGGER note_pepper BEFORE INSERT ON invites FOR EACH ROW EXECUTE FUNCTION note_pepper();
CREATE TRIGGER note_pepper BEFORE INSERT ON sign_in_links FOR EACH ROW EXECUTE FUNCTION note_pepper();
CREATE TRIGGER note_previous_pepper BEFORE UPDATE OF secret_hash, previous_secret_hash ON api_keys
    FOR EACH ROW EXECUTE FUNCTION note_previous_pepper();
CREATE TRIGGER note_previous_pepper BEFORE UPDATE OF secret_hash, previous_secret_hash ON credentials
    FOR EACH ROW EXECUTE FUNCTION note_previous_pepper();

-- Replaces the hash of a key by the hash of the same secret with another pepper. authz_service may not write keys; it can only
-- name a hash that it has seen in a call.
CREATE FUNCTION rehash_api_key(old_hash bytea, new_hash bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE api_keys
       SET secret_hash = CASE WHEN secret_hash = old_hash THEN new_hash ELSE secret_hash END,
           previous_secret_hash = CASE WHEN previous_secret_hash = old_hash THEN new_hash ELSE previous_secret_hash END
     WHERE old_hash IN (secret_hash, previous_secret_hash) AND state <> 'DELETED';
    RETURN FOUND;
END
$$;

-- Returns the secrets that can still be used and were not hashed with this pepper, for the operator.
CREATE FUNCTION secrets_of_other_peppers(wanted text)
RETURNS TABLE (kind text, organization_id text, secret_id text, expire_time timestamptz)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT 'API key', k.organization_id, k.api_key_id, k.expire_time
      FROM api_keys k
     WHERE k.state <> 'DELETED' AND k.pepper IS DISTINCT FROM wanted AND coalesce(k.expire_time > now(), true)
    UNION ALL
    SELECT 'replaced secret of an API key', k.organization_id, k.api_key_id, k.previous_expire_time
      FROM api_keys k
     WHERE k.state <> 'DELETED' AND k.previous_expire_time > now() AND k.previous_pepper IS DISTINCT FROM wanted
    UNION ALL
    SELECT 'access token', t.only_organization_id, t.access_token_id, t.expire_time
      FROM access_tokens t
     WHERE t.revoke_time IS NULL AND t.expire_time > now() AND t.pepper IS DISTINCT FROM wanted
    UNION ALL
    SELECT 'credential', c.organization_id, c.credential_id, c.expire_time
      FROM credentials c
     WHERE c.revoke_time IS NULL AND coalesce(c.expire_time > now(), true) AND c.pepper IS DISTINCT FROM wanted
    UNION ALL
    SELECT 'replaced secret of a credential', c.organization_id, c.credential_id, c.previous_expire_time
      FROM credentials c
     WHERE c.revoke_time IS NULL AND c.previous_expire_time > now() AND c.previous_pepper IS DISTINCT FROM wanted
    UNION ALL
    SELECT 'invite', i.organization_id, i.invite_id, i.expire_time
      FROM invites i
     WHERE i.revoke_time IS NULL AND i.expire_time > now() AND i.pepper IS DISTINCT FROM wanted
    UNION ALL
    SELECT 'sign-in link', l.organization_id, l.sign_in_link_id, l.expire_time
      FROM sign_in_links l
     WHERE l.revoke_time IS NULL AND l.use_time IS NULL AND l.expire_time > now() AND l.pepper IS DISTINCT FROM wanted
$$;
