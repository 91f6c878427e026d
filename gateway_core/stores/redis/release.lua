-- Releases a hold on behalf of one attempt, whose call will not be made. Repeating it changes nothing. A hold that other attempts
-- placed too, or that was rebuilt from the holds table, stays. The withdrawal of the attempt is remembered for a minute: if a stalled
-- Redis executes its placement only afterward, it places nothing.
-- KEYS: pool, open holds, withdrawal, counter..., throttle...
-- ARGV: hold id, attempt, number of counters, kind of each throttle
redis.call('SET', KEYS[3], '', 'EX', 60)
local attempt, counter_count = ARGV[2], tonumber(ARGV[3])
local generation = redis.call('HGET', KEYS[1], 'generation')
local kept = generation and redis.call('HGET', KEYS[2], ARGV[1])
local entry = kept and entry_of(kept)

-- Returns whether the attempt was the only one that placed the hold. Otherwise the hold forgets the attempt.
local function is_last()
    local shadows, time, terms, attempts = attempts_of(entry)
    local others, placed = {}, false
    for one in string.gmatch(attempts or '', '%d+') do
        placed = placed or one == attempt
        if one ~= attempt then
            others[#others + 1] = one
        end
    end
    if placed and #others > 0 then
        entry.shadows = with_attempts(shadows, time, terms, table.concat(others, ','))
        redis.call('HSET', KEYS[2], ARGV[1], text_of_entry(entry))
    end
    return placed and #others == 0
end

if entry and not is_last() then
    return 0
end
for index = 4 + counter_count, #KEYS do
    if ARGV[index - counter_count] == 'calls' then
        redis.call('ZREM', KEYS[index], ARGV[1])
    end
end
if not entry then
    return 0 -- Without a pool, the rest of the holds is dropped when the pool is rebuilt.
end
redis.call('HDEL', KEYS[2], ARGV[1])
for index = 4 + counter_count, #KEYS do
    if entry.slice ~= '' and ARGV[index - counter_count] == 'tokens' then
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
