-- Decisions about calls, kept so that the first one stands if several replicas are asked, for scripts that also have
-- `sliding_window.lua`. They are kept in two hashes by the id of the call: each has the decisions of a period of 5 seconds, in turns. So
-- a decision stands for 5 to 10 seconds. Beyond MOST_KEPT decisions in a period, none is kept, so that memory is bounded.
local PERIOD_US, MOST_KEPT = 5000000, 20000
local period = math.floor(now_us / PERIOD_US)

-- Returns the decisions about calls, by their ids. Of two about one call, that of the present period is the later one.
local function decisions_of(keys, ids)
    local known = {}
    for turn = 1, #ids > 0 and 0 or 2, -1 do
        local key = keys[1 + (period + turn) % 2]
        for number, decision in ipairs(redis.call('HMGET', key, unpack(ids))) do
            known[ids[number]] = decision or known[ids[number]]
        end
    end
    return known
end

-- Keeps decisions: a list of ids, each followed by the text of its decision.
local function keep_decisions(keys, decisions)
    if #decisions == 0 then
        return
    end
    local key = keys[1 + period % 2]
    local count = redis.call('HLEN', key)
    if count < MOST_KEPT then
        redis.call('HSET', key, unpack(decisions))
    end
    if count == 0 then
        redis.call('PEXPIREAT', key, whole((period + 2) * PERIOD_US / 1000))
    end
end
