-- Exact sums of nano-credits. Amounts are 64-bit integers, but Lua's numbers are doubles. So each amount is kept as
-- whole credits and nano-credits, which are added separately. Sums and the sign of a difference are then exact.
local CREDIT = 1000000000

local function amount_of(text)
    local sign = 1
    if string.byte(text, 1) == 45 then -- '-'
        text, sign = string.sub(text, 2), -1
    end
    return {credits = sign * (tonumber(string.sub(text, 1, -10)) or 0), nanos = sign * (tonumber(string.sub(text, -9)) or 0)}
end

local function text_of(amount)
    local carry = math.floor(amount.nanos / CREDIT)
    local credits, nanos, sign = amount.credits + carry, amount.nanos - carry * CREDIT, ''
    if credits < 0 then
        sign, credits = '-', -credits
        if nanos > 0 then
            credits, nanos = credits - 1, CREDIT - nanos
        end
    end
    if credits == 0 then
        return string.format('%s%.0f', sign, nanos)
    end
    return string.format('%s%.0f%09.0f', sign, credits, nanos)
end

local function sum_of(one, other)
    return {credits = one.credits + other.credits, nanos = one.nanos + other.nanos}
end

local function add_to(total, amount, times)
    total.credits = total.credits + (times or 1) * amount.credits
    total.nanos = total.nanos + (times or 1) * amount.nanos
end

local function exceeds(one, other)
    return (one.credits - other.credits) * CREDIT + one.nanos - other.nanos > 0
end

local function is_nothing(amount)
    return amount.credits * CREDIT + amount.nanos == 0
end
