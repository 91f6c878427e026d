-- The members that are in both of two sets: those of a model who had all of their calls in one group.
CREATE FUNCTION member_intersection(one bit varying, other bit varying) RETURNS bit varying LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT substring(one FROM 1 FOR least(length(one), length(other))) & substring(other FROM 1 FOR least(length(one), length(other)))
$$;
