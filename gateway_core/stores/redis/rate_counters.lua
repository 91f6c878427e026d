-- Counts calls against sliding windows: for each call all counters together, or none. The calls are processed one after the
-- other, so each sees what those before it took. A counter that they share is read and written once.
-- KEYS: one hash for each counter of all calls, each once
-- ARGV: for each call: number of its counters, then for each: position among the keys, limit, slice in microseconds, hits,
--       shadow (1 or 0)
-- Returns for all counters of all calls: fits (1 or 0), remaining, wait in microseconds (-1: never), reset in microseconds.
-- A counter in shadow mode reports that it does not fit, but counts the call and never refuses it.
local counters, answer = {}, {}

local function counter_at(place, slice_us)
    counters[place] = counters[place] or read_counter(KEYS[place], slice_us)
    return counters[place]
end

local position = 1
while position <= #ARGV do
    local first, last = position + 1, position + 5 * tonumber(ARGV[position])
    local all_fit, waits = true, {}
    for at = first, last, 5 do
        local limit, hits = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 3])
        local counter = counter_at(tonumber(ARGV[at]), tonumber(ARGV[at + 2]))
        waits[at] = 0
        -- A call with 0 hits asks whether one request would fit.
        if counter.total + math.max(hits, 1) > limit then
            waits[at] = wait_us(counter, limit, math.max(hits, 1))
            all_fit = all_fit and ARGV[at + 4] == '1'
        end
    end
    for at = first, last, 5 do
        local counter, limit, hits = counters[tonumber(ARGV[at])], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 3])
        if all_fit and hits > 0 then
            count_hits(counter, hits)
        end
        answer[#answer + 1] = waits[at] == 0 and 1 or 0
        answer[#answer + 1] = math.max(limit - counter.total, 0)
        answer[#answer + 1] = waits[at]
        answer[#answer + 1] = counter.total > 0 and until_gone(counter, counter.newest) or 0
    end
    position = last + 1
end
for _, counter in pairs(counters) do
    write_counter(counter)
end
return answer
