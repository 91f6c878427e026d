-- Releases a hold that was placed for a call that will never be made. Repeating it changes nothing. The withdrawal is
-- remembered for a minute: if a stalled Redis executes the placement only afterward, it places nothing.
-- KEYS: pool, open holds, withdrawal, counter..., throttle...   ARGV: hold id, number of counters, kind of each throttle
redis.call('SET', KEYS[3], '', 'EX', 60)
local counter_count = tonumber(ARGV[2])
for index = 4 + counter_count, #KEYS do
    if ARGV[index - 1 - counter_count] == 'calls' then
        redis.call('ZREM', KEYS[index], ARGV[1])
    end
end
local generation = redis.call('HGET', KEYS[1], 'generation')
if not generation then
    return 0 -- The rest of the holds is dropped when the pool is rebuilt.
end
local kept = redis.call('HGET', KEYS[2], ARGV[1])
if not kept then
    return 0
end
redis.call('HDEL', KEYS[2], ARGV[1])
local entry = entry_of(kept)
for index = 4 + counter_count, #KEYS do
    if entry.slice ~= '' and ARGV[index - 1 - counter_count] == 'tokens' then
        correct(KEYS[index], tonumber(entry.slice), -tonumber(entry.tokens))
    end
end
if entry.amount ~= '0' then
    redis.call('HINCRBY', KEYS[1], 'held', '-' .. entry.amount)
    for index = 4, 3 + counter_count do
        if redis.call('HGET', KEYS[index], 'generation') == generation then
            redis.call('HINCRBY', KEYS[index], 'held', '-' .. entry.amount)
        end
    end
end
return 1
