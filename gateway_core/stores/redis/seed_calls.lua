-- Rebuilds the open calls of a throttle from a snapshot of PostgreSQL if they are missing or of an earlier generation of the pool.
-- KEYS: pool, open holds, throttle
-- ARGV: sequence of the snapshot, expiry of the key in epoch seconds, (hold id, expiry in epoch seconds) of each open hold
-- Returns 1 if the open calls exist now, 0 if the snapshot is too old or the pool is missing.
local pool = redis.call('HMGET', KEYS[1], 'generation', 'sequence')
if not pool[1] then
    return 0
end
if redis.call('ZSCORE', KEYS[3], 'generation:' .. pool[1]) then
    return 1
end
if tonumber(ARGV[1]) < tonumber(pool[2]) then
    return 0
end
redis.call('DEL', KEYS[3])
redis.call('ZADD', KEYS[3], '+inf', 'generation:' .. pool[1])
for index = 3, #ARGV, 2 do
    -- A hold that is not open here would never be released here. A finished call has freed its places.
    local kept = redis.call('HGET', KEYS[2], ARGV[index])
    if kept and entry_of(kept).placed == '' then
        redis.call('ZADD', KEYS[3], ARGV[index + 1], ARGV[index])
    end
end
redis.call('EXPIREAT', KEYS[3], ARGV[2])
return 1
