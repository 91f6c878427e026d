-- Applies ledger events of one organization to its pool and counters, each exactly once, in the order of the ledger.
-- KEYS: pool, open holds, counter...
-- ARGV: sequence before the first event, then for each event:
--       sequence, hold id ('' = none), held, charge, change of the pool's balance, number of counters, index of each counter
-- Answers the sequence Redis is at afterwards; smaller than ARGV[1] when events are missing in between, -1 without a pool.
--
-- A pool that holds something while its open holds are gone was evicted in part: it is dropped, and rebuilt when it is needed.
local pool = redis.call('HMGET', KEYS[1], 'sequence', 'generation', 'held')
local applied, generation = tonumber(pool[1] or -1), pool[2]
if not generation then
    return -1
end
if pool[3] ~= '0' and redis.call('EXISTS', KEYS[2]) == 0 then
    redis.call('DEL', KEYS[1])
    return -1
end
if applied < tonumber(ARGV[1]) then
    return applied
end

local position = 2
while position <= #ARGV do
    local sequence = tonumber(ARGV[position])
    local hold_id, held, charge = ARGV[position + 1], ARGV[position + 2], ARGV[position + 3]
    local balance_change, counter_count = ARGV[position + 4], tonumber(ARGV[position + 5])
    if sequence > applied then
        -- A hold that is not open here was never counted here: there is nothing to release.
        local released = hold_id ~= '' and redis.call('HDEL', KEYS[2], hold_id) == 1 and held ~= '0'
        redis.call('HINCRBY', KEYS[1], 'balance', balance_change)
        if released then
            redis.call('HINCRBY', KEYS[1], 'held', '-' .. held)
        end
        for offset = 1, counter_count do
            local key = KEYS[2 + tonumber(ARGV[position + 5 + offset])]
            local counter = redis.call('HMGET', key, 'seeded', 'generation')
            -- A counter of an earlier generation is rebuilt before it is used again.
            if counter[2] == generation and sequence > tonumber(counter[1]) then
                redis.call('HINCRBY', key, 'settled', charge)
                if released then
                    redis.call('HINCRBY', key, 'held', '-' .. held)
                end
            end
        end
        applied = sequence
    end
    position = position + 6 + counter_count
end
redis.call('HSET', KEYS[1], 'sequence', applied)
return applied
