-- Counts calls against sliding windows: for each call all counters together, or none. The calls are processed one after the
-- other, so each sees what those before it took. A counter that they share is read and written once.
-- KEYS: two hashes of decisions by call, then one hash for each counter of all calls, each once
-- ARGV: for each call: its id ('' without one), number of its counters, then for each: position among the counters, limit, slice in
--       microseconds, hits, mode (0 enforced, 1 shadow, 2 quota)
-- Returns for all counters of all calls: fits (1 or 0), remaining, wait in microseconds (-1: never), reset in microseconds.
-- A counter in shadow mode reports that it does not fit, but counts the call and never refuses it.
-- Quotas refuse a call only if none of them fits. One that does not fit does not count a call that others admit.
--
-- A call with an id is decided and counted once, however often and by however many replicas it is asked (`decisions.lua`). A decision is
-- FITS if all counters fit, else the whole answer.
local FITS = '1'
local counters, answer = {}, {}

local function counter_at(place, slice_us)
    counters[place] = counters[place] or read_counter(KEYS[2 + place], slice_us)
    return counters[place]
end

local function ids_of_calls()
    local ids, position = {}, 1
    while position <= #ARGV do
        if ARGV[position] ~= '' then
            ids[#ids + 1] = ARGV[position]
        end
        position = position + 2 + 5 * tonumber(ARGV[position + 1])
    end
    return ids
end

local decided_in = {KEYS[1], KEYS[2]}
local decided, new, position = decisions_of(decided_in, ids_of_calls()), {}, 1

-- Appends the answer to a call that was decided before.
local function give_again(text, first, last)
    if text ~= FITS then
        for value in string.gmatch(text, '%S+') do
            answer[#answer + 1] = tonumber(value)
        end
        return
    end
    for at = first, last, 5 do
        local counter = counter_at(tonumber(ARGV[at]), tonumber(ARGV[at + 2]))
        answer[#answer + 1] = 1
        answer[#answer + 1] = math.max(tonumber(ARGV[at + 1]) - counter.total, 0)
        answer[#answer + 1] = 0
        answer[#answer + 1] = counter.total > 0 and until_gone(counter, counter.newest) or 0
    end
end

-- Decides about a call and appends the answer. Returns whether all counters fit.
local function decide(first, last)
    local all_fit, any_over, waits, quotas_over = true, false, {}, nil
    for at = first, last, 5 do
        local limit, hits = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 3])
        local counter = counter_at(tonumber(ARGV[at]), tonumber(ARGV[at + 2]))
        waits[at] = 0
        -- A call with 0 hits asks whether one request would fit.
        if counter.total + math.max(hits, 1) > limit then
            waits[at] = wait_us(counter, limit, math.max(hits, 1))
            any_over = true
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
    return not any_over
end

while position <= #ARGV do
    local id, first = ARGV[position], position + 2
    local last = first + 5 * tonumber(ARGV[position + 1]) - 1
    if id ~= '' and decided[id] then
        give_again(decided[id], first, last)
    else
        local before = #answer
        local fits = decide(first, last)
        if id ~= '' then
            decided[id] = fits and FITS or table.concat(answer, ' ', before + 1)
            new[#new + 1], new[#new + 2] = id, decided[id]
        end
    end
    position = last + 1
end
keep_decisions(decided_in, new)
for _, counter in pairs(counters) do
    write_counter(counter)
end
return answer
