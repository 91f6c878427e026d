-- Places a hold on the credit pool and on every counter of a call: all or nothing.
-- KEYS: pool, open holds, withdrawal, counter...   ARGV: hold id, amount, floor, limit... ('' = unlimited)
-- Answers {'placed', number of the placement, generation}, {'missing', edition of the pool or '', index...}, {'withdrawn'}, or
-- {'refused', index, settled or balance, held, ...}; index 0 is the pool.
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

local hold_id, amount, floor = ARGV[1], ARGV[2], tonumber(ARGV[3])
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
if redis.call('HEXISTS', KEYS[2], hold_id) == 1 then
    return {'placed', tonumber(pool[4]), generation}
end

local missing, refused = {'missing', generation .. ':' .. (pool[5] or 0)}, {'refused'}
local shortfall = {credits = 0, nanos = 0}
add(shortfall, pool[2], 1)
add(shortfall, amount, 1)
add(shortfall, pool[1], -1)
if is_positive(shortfall) then
    refused[2], refused[3], refused[4] = 0, pool[1], pool[2]
end
for index = 1, #KEYS - 3 do
    local counter = redis.call('HMGET', KEYS[index + 3], 'settled', 'held', 'generation')
    local limit = ARGV[index + 3]
    if counter[3] ~= generation then
        missing[#missing + 1] = index
    elseif limit ~= '' then
        local excess = {credits = 0, nanos = 0}
        add(excess, counter[1], 1)
        add(excess, counter[2], 1)
        add(excess, amount, 1)
        add(excess, limit, -1)
        if is_positive(excess) then
            local size = #refused
            refused[size + 1], refused[size + 2], refused[size + 3] = index, counter[1], counter[2]
        end
    end
end
if #missing > 2 then
    return missing
end
if #refused > 1 then
    return refused
end

redis.call('HSET', KEYS[2], hold_id, amount)
redis.call('HINCRBY', KEYS[1], 'held', amount)
for index = 4, #KEYS do
    redis.call('HINCRBY', KEYS[index], 'held', amount)
end
return {'placed', redis.call('HINCRBY', KEYS[1], 'placements', 1), generation}
