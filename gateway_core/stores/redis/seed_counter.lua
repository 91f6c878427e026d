-- Rebuilds a counter from a snapshot of PostgreSQL if it is missing or of an earlier generation. A snapshot older than what Redis
-- has applied would lose the events in between, so it is refused. A snapshot read before the pool reached its present edition is
-- refused too: the pool was rebuilt or holds were added, and the snapshot may lack holds that the pool counts.
-- KEYS: pool, open holds, counter
-- ARGV: settled, sequence of the snapshot, expiry in epoch seconds ('' = none), edition of the pool before the snapshot,
--       base and cap of what is carried into the counter's period ('' = nothing is), id of each open hold on the counter
-- Returns 1 if the counter exists now, 0 if the snapshot is too old or the pool is missing.
local pool = redis.call('HMGET', KEYS[1], 'generation', 'sequence', 'additions')
if not pool[1] or pool[1] .. ':' .. (pool[3] or 0) ~= ARGV[4] then
    return 0
end
local function keep_carry()
    if ARGV[5] ~= '' then
        redis.call('HSET', KEYS[3], 'base', ARGV[5], 'cap', ARGV[6])
    end
end
if redis.call('HGET', KEYS[3], 'generation') == pool[1] then
    keep_carry() -- the budget may carry over only since the counter was seeded
    return 1
end
if tonumber(ARGV[2]) < tonumber(pool[2]) then
    return 0
end
redis.call('DEL', KEYS[3])
redis.call('HSET', KEYS[3], 'settled', ARGV[1], 'held', '0', 'seeded', ARGV[2], 'generation', pool[1])
keep_carry()
for index = 7, #ARGV do
    -- A hold that is not open here is not counted here, because its settlement would release nothing. Once its call has finished,
    -- its amount here is not the one in the snapshot.
    local kept = redis.call('HGET', KEYS[2], ARGV[index])
    if kept then
        redis.call('HINCRBY', KEYS[3], 'held', entry_of(kept).amount)
    end
end
if ARGV[3] ~= '' then
    redis.call('EXPIREAT', KEYS[3], ARGV[3])
end
return 1
