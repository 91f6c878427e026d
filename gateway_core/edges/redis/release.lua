-- Takes back a hold that was placed for a call that will never be made. Repeating it changes nothing.
-- KEYS: pool, open holds, counter...   ARGV: hold id
local amount = redis.call('HGET', KEYS[2], ARGV[1])
if not amount then
    return 0
end
redis.call('HDEL', KEYS[2], ARGV[1])
if amount ~= '0' then
    redis.call('HINCRBY', KEYS[1], 'held', '-' .. amount)
    for index = 3, #KEYS do
        redis.call('HINCRBY', KEYS[index], 'held', '-' .. amount)
    end
end
return 1
