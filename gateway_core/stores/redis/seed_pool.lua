-- Rebuilds a missing credit pool and its open holds from a snapshot of PostgreSQL. Leaves an existing pool unchanged.
-- The new generation makes all earlier counters count as missing.
-- KEYS: pool, open holds   ARGV: balance, held, sequence, generation, placements, (hold id, amount)...
if redis.call('EXISTS', KEYS[1]) == 1 then
    return 0
end
redis.call('DEL', KEYS[2])
for index = 6, #ARGV, 2 do
    redis.call('HSET', KEYS[2], ARGV[index], ARGV[index + 1])
end
redis.call('HSET', KEYS[1], 'balance', ARGV[1], 'held', ARGV[2], 'sequence', ARGV[3], 'generation', ARGV[4], 'placements', ARGV[5])
return 1
