-- Places a hold on the credit pool, on every counter of a call and on its throttles: all or nothing.
-- KEYS: pool, open holds, withdrawal, counter..., throttle...
-- ARGV: hold id, amount, floor, expiry of the hold in epoch seconds, tokens, number of counters, limit of each counter
--       ('' = unlimited), then of each throttle: kind, limit, index of its counter. A limit that begins with 's' is in shadow
--       mode: what it would refuse is told and passes.
-- Answers {'placed', number of the placement, generation, index of a counter whose guardrail would have refused...}, and where
-- tokens are limited, behind the generation, 'tokens', then index, what is left and reset in microseconds of the tightest throttle;
-- {'missing', edition of the pool or '', index...}, {'withdrawn'}, or {'refused', index, settled or balance or used, held or wait in
-- microseconds, 0 or reset in microseconds, ...}. Index 0 is the pool; throttles are counted on from the last counter.
--
-- An open hold is kept as its amount or, where there is more to keep, as amount:slice:tokens:counters that would have refused.
--
-- The floor is a number of placements that this pool is known to have reached. A pool that has counted fewer is from an old
-- snapshot: holds placed since are not in it, so it is dropped and reported missing. So is one that holds something while its open
-- holds are gone: Redis has evicted them, and nothing would ever release what they held. A counter that was not seeded for this
-- generation of the pool is missing too.
--
-- Amounts are 64-bit integers, and Lua numbers are doubles: each amount is split into whole credits and nano-credits, so that
-- the sign of a sum of a few amounts is exact.
local CREDIT = 1000000000

local function add(total, text, sign)
    if string.byte(text, 1) == 45 then -- '-'
        text = string.sub(text, 2)
        sign = -sign
    end
    total.credits = total.credits + sign * (tonumber(string.sub(text, 1, -10)) or 0)
    total.nanos = total.nanos + sign * tonumber(string.sub(text, -9))
end

local function is_positive(total)
    return total.credits * CREDIT + total.nanos > 0
end

local hold_id, amount, floor, tokens, counter_count = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5]), tonumber(ARGV[6])
if redis.call('EXISTS', KEYS[3]) == 1 then
    return {'withdrawn'}
end
local pool = redis.call('HMGET', KEYS[1], 'balance', 'held', 'generation', 'placements', 'additions')
local generation = pool[3]
local evicted = generation and pool[2] ~= '0' and redis.call('EXISTS', KEYS[2]) == 0
if not generation or tonumber(pool[4]) < floor or evicted then
    redis.call('DEL', KEYS[1])
    local all = {'missing', '', 0}
    for index = 1, #KEYS - 3 do
        all[#all + 1] = index
    end
    return all
end
local placed = redis.call('HGET', KEYS[2], hold_id)
if placed then
    local answer = {'placed', tonumber(pool[4]), generation}
    for index in string.gmatch(string.match(placed, ':([%d,]*)$') or '', '%d+') do
        answer[#answer + 1] = tonumber(index)
    end
    return answer
end

local missing, refused = {'missing', generation .. ':' .. (pool[5] or 0)}, {'refused'}
local shadow_refused, shadow_order = {}, {}

-- The limit of a text, and what to do with what exceeds it.
local function limit_of(text)
    return string.byte(text, 1) == 115 and string.sub(text, 2) or text -- 's'
end

local function refuse(text, counter_index, index, used, second, third)
    if string.byte(text, 1) == 115 then
        if not shadow_refused[counter_index] then
            shadow_refused[counter_index] = true
            shadow_order[#shadow_order + 1] = counter_index
        end
        return
    end
    local size = #refused
    refused[size + 1], refused[size + 2], refused[size + 3], refused[size + 4] = index, used, second, third
end

local shortfall = {credits = 0, nanos = 0}
add(shortfall, pool[2], 1)
add(shortfall, amount, 1)
add(shortfall, pool[1], -1)
if is_positive(shortfall) then
    refuse('', 0, 0, pool[1], pool[2], 0)
end
for index = 1, counter_count do
    local counter = redis.call('HMGET', KEYS[index + 3], 'settled', 'held', 'generation')
    local limit = ARGV[index + 6]
    if counter[3] ~= generation then
        missing[#missing + 1] = index
    elseif limit ~= '' then
        local excess = {credits = 0, nanos = 0}
        add(excess, counter[1], 1)
        add(excess, counter[2], 1)
        add(excess, amount, 1)
        add(excess, limit_of(limit), -1)
        if is_positive(excess) then
            refuse(limit, index, index, counter[1], counter[2], 0)
        end
    end
end

local windows, calls = {}, {}
for index = counter_count + 1, #KEYS - 3 do
    local key, position = KEYS[index + 3], 6 + counter_count + 3 * (index - counter_count)
    local kind, limit, counter_index = ARGV[position - 2], ARGV[position - 1], tonumber(ARGV[position])
    local most = tonumber(limit_of(limit))
    if kind == 'tokens' then
        local window = read_counter(key, 60000000 / SLICES)
        windows[#windows + 1] = window
        window.index = index
        if string.byte(limit, 1) ~= 115 then -- callers are told nothing of shadows
            window.most = most
        end
        if window.total + tokens > most then
            local reset = window.total > 0 and until_gone(window, window.newest) or 0
            refuse(limit, counter_index, index, window.total, wait_us(window, most, tokens), reset)
        end
    else
        redis.call('ZREMRANGEBYSCORE', key, '-inf', now_us / 1000000)
        calls[#calls + 1] = key
        if not redis.call('ZSCORE', key, 'generation:' .. generation) then
            missing[#missing + 1] = index
        elseif redis.call('ZCARD', key) > most then -- one of them is the generation
            refuse(limit, counter_index, index, redis.call('ZCARD', key) - 1, most == 0 and -1 or 0, 0)
        end
    end
end
if #missing > 2 then
    return missing
end
if #refused > 1 then
    return refused
end

local slice, tightest, least = '', nil, nil
for _, window in ipairs(windows) do
    slice = slice == '' and whole(window.slice) or slice
    count_hits(window, tokens)
    if window.most and (not tightest or window.most - window.total < least) then
        tightest, least = window, window.most - window.total
    end
end
for _, key in ipairs(calls) do
    redis.call('ZADD', key, ARGV[4], hold_id)
    redis.call('EXPIREAT', key, tonumber(ARGV[4]) + 1)
end
local kept = amount
if #windows > 0 or #shadow_order > 0 then
    kept = amount .. ':' .. slice .. ':' .. whole(tokens) .. ':' .. table.concat(shadow_order, ',')
end
redis.call('HSET', KEYS[2], hold_id, kept)
redis.call('HINCRBY', KEYS[1], 'held', amount)
for index = 4, 3 + counter_count do
    redis.call('HINCRBY', KEYS[index], 'held', amount)
end
local number = redis.call('HINCRBY', KEYS[1], 'placements', 1)
if not tightest then
    return {'placed', number, generation, unpack(shadow_order)}
end
return {
    'placed', number, generation, 'tokens', tightest.index, least, until_gone(tightest, tightest.slice), unpack(shadow_order),
}
