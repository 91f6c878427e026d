-- Reads what counts for a call, and changes nothing.
-- KEYS: pool, open holds, number of counters..., then windows and open calls
-- ARGV: floor, number of counters, then for each further key: kind (tokens, requests, calls), limit, what the call needs,
--       length of a slice in microseconds
-- Returns: generation, balance and held of the pool; settled, held and generation of each counter; used, wait and reset of the
-- rest. A wait of -1 means that waiting never helps; false means that the value is missing. A pool that `place.lua` would drop,
-- because it is from an old snapshot or its open holds were evicted, counts as missing.
local floor, counter_count = tonumber(ARGV[1]), tonumber(ARGV[2])
local pool = redis.call('HMGET', KEYS[1], 'generation', 'balance', 'held', 'placements')
if pool[1] and (tonumber(pool[4]) < floor or (pool[3] ~= '0' and redis.call('EXISTS', KEYS[2]) == 0)) then
    pool = {false, false, false}
end
local answer = {pool[1], pool[2], pool[3]}
for index = 3, 2 + counter_count do
    local counter = redis.call('HMGET', KEYS[index], 'settled', 'held', 'generation')
    for field = 1, 3 do
        answer[#answer + 1] = counter[field]
    end
end
for index = 3 + counter_count, #KEYS do
    local position = 4 * (index - 3 - counter_count) + 3
    local kind, limit, needed = ARGV[position], tonumber(ARGV[position + 1]), tonumber(ARGV[position + 2])
    local used, wait, reset = 0, 0, 0
    if kind == 'calls' then
        -- The pool's generation is a member too, with an infinite expiry.
        used = redis.call('ZCOUNT', KEYS[index], string.format('(%.6f', now_us / 1000000), '(+inf')
        if not (pool[1] and redis.call('ZSCORE', KEYS[index], 'generation:' .. pool[1])) then
            used = false
        end
        wait = limit == 0 and -1 or 0
    else
        local window = read_counter(KEYS[index], tonumber(ARGV[position + 3]))
        used = window.total
        reset = used > 0 and until_gone(window, window.newest) or 0
        wait = used + needed > limit and wait_us(window, limit, needed) or 0
    end
    answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = used, wait, reset
end
return answer
