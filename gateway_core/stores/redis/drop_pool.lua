-- Drops a credit pool that was found to differ from PostgreSQL, so that the next call rebuilds it, unless it was
-- rebuilt since.
-- KEYS: pool   ARGV: generation that it was found with
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then
    return 0
end
return redis.call('DEL', KEYS[1])
