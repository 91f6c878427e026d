-- Counts a call against sliding windows: all counters together or none.
-- KEYS: one hash for each counter.   ARGV: for each key: limit, slice in microseconds, hits, shadow (1 or 0).
-- Answers for each key: fits (1 or 0), remaining, wait in microseconds (-1: never), reset in microseconds.
-- A counter in shadow mode says that it does not fit, and counts all the same: it stops nothing.
local counters, waits, all_fit = {}, {}, true
for index = 1, #KEYS do
    local limit, slice_us, hits = tonumber(ARGV[4 * index - 3]), tonumber(ARGV[4 * index - 2]), tonumber(ARGV[4 * index - 1])
    local counter = read_counter(KEYS[index], slice_us)
    counters[index] = counter
    waits[index] = 0
    -- A call that counts nothing asks whether one request would fit.
    if counter.total + math.max(hits, 1) > limit then
        waits[index] = wait_us(counter, limit, math.max(hits, 1))
        all_fit = all_fit and ARGV[4 * index] == '1'
    end
end

local answer = {}
for index, counter in ipairs(counters) do
    local limit, hits = tonumber(ARGV[4 * index - 3]), tonumber(ARGV[4 * index - 1])
    if all_fit and hits > 0 then
        count_hits(counter, hits)
    end
    answer[#answer + 1] = waits[index] == 0 and 1 or 0
    answer[#answer + 1] = math.max(limit - counter.total, 0)
    answer[#answer + 1] = waits[index]
    answer[#answer + 1] = counter.total > 0 and until_gone(counter, counter.newest) or 0
end
return answer
