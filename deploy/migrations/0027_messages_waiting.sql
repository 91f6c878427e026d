-- How many messages to people wait, over all organizations, and for how many seconds the oldest has. Two numbers for operators, and
-- nothing of whose messages they are.
CREATE FUNCTION messages_waiting()
RETURNS TABLE (message_count bigint, oldest_age_s float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*), coalesce(extract(epoch FROM greatest(now() - min(m.create_time), interval '0'))::float8, 0)
      FROM outbox_messages m
     WHERE m.deliver_time IS NULL
$$;
REVOKE EXECUTE ON FUNCTION messages_waiting() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION messages_waiting() TO megarouter_admin;
