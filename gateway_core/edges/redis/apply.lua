-- Applies ledger events of one organization to its pool and counters, each exactly once, in the order of the ledger.
-- KEYS: pool, open holds, then counters and throttles
-- ARGV: sequence before the first event, then for each event:
--       sequence, hold id ('' = none), held, charge, change of the pool's balance, tokens used, number of counters, number of
--       throttles, index of each counter, negative where it carries the charge alone and not the hold, kind and index of each throttle
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
    local balance_change, used = ARGV[position + 4], tonumber(ARGV[position + 5])
    local counter_count, throttle_count = tonumber(ARGV[position + 6]), tonumber(ARGV[position + 7])
    local throttles = position + 8 + counter_count
    if sequence > applied then
        -- A hold that is not open here was never counted here: there is nothing to release.
        local kept = hold_id ~= '' and redis.call('HGET', KEYS[2], hold_id)
        local released = kept and redis.call('HDEL', KEYS[2], hold_id) == 1 and held ~= '0'
        redis.call('HINCRBY', KEYS[1], 'balance', balance_change)
        if released then
            redis.call('HINCRBY', KEYS[1], 'held', '-' .. held)
        end
        for offset = 1, counter_count do
            local index = tonumber(ARGV[position + 7 + offset])
            local key = KEYS[2 + math.abs(index)]
            local counter = redis.call('HMGET', key, 'seeded', 'generation')
            -- A counter of an earlier generation is rebuilt before it is used again.
            if counter[2] == generation and sequence > tonumber(counter[1]) then
                redis.call('HINCRBY', key, 'settled', charge)
                if released and index > 0 then
                    redis.call('HINCRBY', key, 'held', '-' .. held)
                end
            end
        end
        -- What the call really used takes the place of what it had reserved, while that counts.
        local slice, tokens = string.match(kept or '', '^%d+:(%d+):(%d+)')
        for throttle = throttles, throttles + 2 * throttle_count - 1, 2 do
            local key = KEYS[2 + tonumber(ARGV[throttle + 1])]
            if ARGV[throttle] == 'calls' then
                redis.call('ZREM', key, hold_id)
            elseif slice then
                correct(key, tonumber(slice), used - tonumber(tokens))
            end
        end
        applied = sequence
    end
    position = throttles + 2 * throttle_count
end
redis.call('HSET', KEYS[1], 'sequence', applied)
return applied
