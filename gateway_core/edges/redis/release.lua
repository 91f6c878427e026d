-- Takes back a hold that was placed for a call that will never be made. Repeating it changes nothing.
-- The withdrawal is remembered for a minute: a placing that is carried out only after it, because Redis had stalled, places nothing.
-- KEYS: pool, open holds, withdrawal, counter...   ARGV: hold id
redis.call('SET', KEYS[3], '', 'EX', 60)
local generation = redis.call('HGET', KEYS[1], 'generation')
if not generation then
    return 0 -- What is left of the holds is dropped when the pool is rebuilt.
end
local amount = redis.call('HGET', KEYS[2], ARGV[1])
if not amount then
    return 0
end
redis.call('HDEL', KEYS[2], ARGV[1])
if amount ~= '0' then
    redis.call('HINCRBY', KEYS[1], 'held', '-' .. amount)
    for index = 4, #KEYS do
        if redis.call('HGET', KEYS[index], 'generation') == generation then
            redis.call('HINCRBY', KEYS[index], 'held', '-' .. amount)
        end
    end
end
return 1
