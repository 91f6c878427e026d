-- Counts a hold that is open in the holds table and not counted here, once.
-- KEYS: pool, open holds, counter..., throttle of concurrent calls...
-- ARGV: hold id, amount, generation it was placed under, ledger sequence at which it was still open, number of counters,
--       expiry of the hold in epoch seconds
-- Returns 1 if it is counted, 0 if Redis may know more than the holds table did when it was read, -1 without a pool.
local pool = redis.call('HMGET', KEYS[1], 'generation', 'sequence')
if not pool[1] then
    return -1
end
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then
    return 1
end
-- Only a hold that was unresolved at the ledger sequence that Redis has reached may be added. Its resolution is then
-- still to come, and will release it from the pool and from every counter that is not seeded beyond it.
local open_at = tonumber(ARGV[4])
if open_at < tonumber(pool[2]) then
    return 0
end
if pool[1] == ARGV[3] then
    -- It was placed on this very pool and is missing. So the pool is from an old snapshot, and may lack other holds
    -- too.
    redis.call('DEL', KEYS[1])
    return -1
end
local counters = {}
for index = 3, 2 + ARGV[5] do
    local counter = redis.call('HMGET', KEYS[index], 'generation', 'seeded')
    if counter[1] == pool[1] then
        if open_at < tonumber(counter[2]) then
            return 0
        end
        counters[#counters + 1] = KEYS[index]
    end
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[1], 'held', ARGV[2])
for _, key in ipairs(counters) do
    redis.call('HINCRBY', key, 'held', ARGV[2])
end
for index = 3 + ARGV[5], #KEYS do
    if redis.call('ZSCORE', KEYS[index], 'generation:' .. pool[1]) then
        redis.call('ZADD', KEYS[index], ARGV[6], ARGV[1])
    end
end
-- A counter that is being seeded right now may lack the hold. The changed edition makes that seeding fail and start
-- over.
redis.call('HINCRBY', KEYS[1], 'additions', 1)
return 1
