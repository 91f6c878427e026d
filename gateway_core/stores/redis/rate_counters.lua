-- Counts calls against sliding windows: for each call all counters together, or none. The calls are processed one after the
-- other, so each sees what those before it took. A counter that they share is read and written once.
-- KEYS: one hash for each counter of all calls, each once
-- ARGV: for each call: number of its counters, then for each: position among the keys, limit, slice in microseconds, hits,
--       mode (0 enforced, 1 shadow, 2 quota)
-- Returns for all counters of all calls: fits (1 or 0), remaining, wait in microseconds (-1: never), reset in microseconds.
-- A counter in shadow mode reports that it does not fit, but counts the call and never refuses it.
-- Quotas refuse a call only if none of them fits. One that does not fit does not count a call that others admit.
local counters, answer = {}, {}

local function counter_at(place, slice_us)
    counters[place] = counters[place] or read_counter(KEYS[place], slice_us)
    return counters[place]
end

local position = 1
while position <= #ARGV do
    local first, last = position + 1, position + 5 * tonumber(ARGV[position])
    local all_fit, waits, quotas_over = true, {}, nil
    for at = first, last, 5 do
        local limit, hits = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 3])
        local counter = counter_at(tonumber(ARGV[at]), tonumber(ARGV[at + 2]))
        waits[at] = 0
        -- A call with 0 hits asks whether one request would fit.
        if counter.total + math.max(hits, 1) > limit then
            waits[at] = wait_us(counter, limit, math.max(hits, 1))
            all_fit = all_fit and ARGV[at + 4] ~= '0'
            quotas_over = quotas_over or ARGV[at + 4] == '2'
        end
    end
    if quotas_over then
        local any_fits = false
        for at = first, last, 5 do
            any_fits = any_fits or ARGV[at + 4] == '2' and waits[at] == 0
        end
        all_fit = all_fit and any_fits
    end
    for at = first, last, 5 do
        local counter, limit, hits = counters[tonumber(ARGV[at])], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 3])
        local is_over = quotas_over and ARGV[at + 4] == '2' and waits[at] ~= 0
        if all_fit and hits > 0 and not is_over then
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
