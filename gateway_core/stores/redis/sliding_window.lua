-- Sliding windows, for the scripts that count over them. `SLICES` is the number of slices in a window.
--
-- A hash has a field for every slice that admitted something, and 'total' (their sum), 'oldest' and 'newest' (slice numbers).
-- Slices are numbered by this server's time; no other clock matters. The live slices are the current one and those of one whole
-- window before it. So they cover any span of one window that ends now.
local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function whole(number)
    return string.format('%.0f', number)
end

-- Returns the counts of the slices from first to last as a table of numbers. An absent slice counts 0.
local function slice_counts(key, first, last)
    local fields = {}
    for slice = first, last do
        fields[#fields + 1] = whole(slice)
    end
    local counts = redis.call('HMGET', key, unpack(fields))
    for index = 1, #fields do
        counts[index] = tonumber(counts[index] or 0)
    end
    return counts, fields
end

-- Adds hits to the counter's current slice. `write_counter` stores them.
local function count_hits(counter, hits)
    counter.total = counter.total + hits
    counter.in_slice = counter.in_slice + hits
    counter.newest = counter.slice
    counter.oldest = counter.oldest or counter.slice
    counter.is_changed = true
end

-- Stores what was counted, once for all calls of a script.
local function write_counter(counter)
    if not counter.is_changed then
        return
    end
    local slice = whole(counter.slice)
    counter.is_changed = false
    redis.call('HSET', counter.key, slice, whole(counter.in_slice), 'total', whole(counter.total), 'newest', slice,
        'oldest', whole(counter.oldest))
    if counter.stored_newest ~= counter.slice then -- later hits in a slice do not extend the life of the key
        counter.stored_newest = counter.slice
        redis.call('PEXPIRE', counter.key, math.ceil((SLICES + 2) * counter.slice_us / 1000))
    end
end

-- Reads what is live now. Removes slices that left the window, so each is read at most once.
local function read_counter(key, slice_us)
    local counter = {key = key, slice_us = slice_us, slice = math.floor(now_us / slice_us), total = 0, in_slice = 0}
    local fields = redis.call('HMGET', key, 'total', 'oldest', 'newest', whole(counter.slice))
    if not fields[1] then
        return counter
    end
    local total, oldest, newest = tonumber(fields[1]), tonumber(fields[2]), tonumber(fields[3])
    if newest - counter.slice > SLICES then
        -- The clock was set back by more than a window. Everything counts as admitted now, and is free again after one
        -- window.
        redis.call('DEL', key)
        count_hits(counter, total)
        write_counter(counter)
        return counter
    end
    counter.in_slice = tonumber(fields[4] or 0)
    if newest > counter.slice then
        -- The clock was set back a little. Keep the newest slice current until the clock has caught up.
        counter.slice = newest
        counter.in_slice = tonumber(redis.call('HMGET', key, whole(newest))[1] or 0)
    end
    local first_live = counter.slice - SLICES
    if newest < first_live then
        redis.call('DEL', key)
        return counter
    end
    counter.total, counter.oldest, counter.newest, counter.stored_newest = total, oldest, newest, newest
    if oldest < first_live then
        local counts, names = slice_counts(key, oldest, first_live - 1)
        for index = 1, #counts do
            counter.total = counter.total - counts[index]
        end
        counter.oldest = first_live
        redis.call('HDEL', key, unpack(names))
        redis.call('HSET', key, 'total', whole(counter.total), 'oldest', whole(first_live))
    end
    return counter
end

-- Returns the microseconds until a slice is no longer live.
local function until_gone(counter, slice)
    return (slice + SLICES + 1) * counter.slice_us - now_us
end

-- Returns the microseconds until enough of the oldest slices are gone; -1 if never.
local function wait_us(counter, limit, hits)
    if hits > limit then
        return -1
    end
    local excess = counter.total + hits - limit
    local counts = slice_counts(counter.key, counter.oldest, counter.newest)
    if counter.is_changed then -- not written yet
        counts[#counts] = counter.in_slice
    end
    for index = 1, #counts do
        excess = excess - counts[index]
        if excess <= 0 then
            return until_gone(counter, counter.oldest + index - 1)
        end
    end
    return until_gone(counter, counter.newest)
end

-- Changes the count of a slice, unless it has left the window. The count never falls below 0.
local function correct(key, slice, change)
    local fields = redis.call('HMGET', key, 'oldest', 'newest', whole(slice))
    if not fields[1] or slice < tonumber(fields[1]) or slice > tonumber(fields[2]) then
        return
    end
    change = math.max(change, -tonumber(fields[3] or 0))
    if change == 0 then
        return
    end
    redis.call('HINCRBY', key, whole(slice), whole(change))
    redis.call('HINCRBY', key, 'total', whole(change))
end
