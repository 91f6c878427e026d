-- Rebuilds a missing counter from a snapshot of PostgreSQL. A snapshot older than what Redis has applied would lose the
-- events in between, and is refused.
-- KEYS: pool, counter   ARGV: settled, held, sequence of the snapshot, expiry in epoch seconds ('' = none)
-- Answers 1 when the counter is there now, 0 when the snapshot is too old or the pool is missing.
if redis.call('EXISTS', KEYS[2]) == 1 then
    return 1
end
local applied = redis.call('HGET', KEYS[1], 'sequence')
if not applied or tonumber(ARGV[3]) < tonumber(applied) then
    return 0
end
redis.call('HSET', KEYS[2], 'settled', ARGV[1], 'held', ARGV[2], 'seeded', ARGV[3])
if ARGV[4] ~= '' then
    redis.call('EXPIREAT', KEYS[2], ARGV[4])
end
return 1
