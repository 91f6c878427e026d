-- Asks for the ends of an organization's calls before their settlement, for a minute: a call waits for one of them.
-- KEYS: pool
if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('HSET', KEYS[1], 'wanted', tonumber(redis.call('TIME')[1]) + 60)
end
