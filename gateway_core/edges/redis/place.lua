-- Places a hold on the credit pool and on every counter of a call: all or nothing.
-- KEYS: pool, open holds, counter...   ARGV: hold id, amount, limit... ('' = unlimited)
-- Answers {'placed'}, {'missing', index...} or {'refused', index, settled or balance, held, ...}; index 0 is the pool.
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

local hold_id, amount = ARGV[1], ARGV[2]
if redis.call('HEXISTS', KEYS[2], hold_id) == 1 then
    return {'placed'}
end

local missing, refused = {'missing'}, {'refused'}
local pool = redis.call('HMGET', KEYS[1], 'balance', 'held')
if not pool[1] then
    missing[2] = 0
else
    local shortfall = {credits = 0, nanos = 0}
    add(shortfall, pool[2], 1)
    add(shortfall, amount, 1)
    add(shortfall, pool[1], -1)
    if is_positive(shortfall) then
        refused[2], refused[3], refused[4] = 0, pool[1], pool[2]
    end
end
for index = 1, #KEYS - 2 do
    local counter = redis.call('HMGET', KEYS[index + 2], 'settled', 'held')
    local limit = ARGV[index + 2]
    if not counter[1] then
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
if #missing > 1 then
    return missing
end
if #refused > 1 then
    return refused
end

redis.call('HSET', KEYS[2], hold_id, amount)
redis.call('HINCRBY', KEYS[1], 'held', amount)
for index = 3, #KEYS do
    redis.call('HINCRBY', KEYS[index], 'held', amount)
end
return {'placed'}
