-- Gives back what finished calls of one organization leave of their holds, before their settlement: each open hold becomes the
-- charge that will be settled, and its places among the concurrent calls become free. Repeating it changes nothing.
-- KEYS: pool, open holds, then each counter followed by the open calls of its scope, then token throttles, each once
-- ARGV: number of holds, number of counters, then for each hold: id, charge, tokens used, number of counters, number of throttles,
--       index of each counter, index of each throttle
-- Returns the number of holds that are now their charge.
--
-- A hold that is not open here is left alone: it is not counted here, or its settlement has already been applied.
-- A further report of a finished call may raise its amount but never lower it, because either of the two may be settled.
--
-- A counter that was seeded beyond what the pool has applied may not count the hold, because the snapshot may have had it
-- resolved. The hold then keeps its amount until its settlement is applied.
local pool = redis.call('HMGET', KEYS[1], 'sequence', 'generation')
local applied, generation = tonumber(pool[1] or -1), pool[2]
if not generation then
    return 0
end
local holds, hold_ids, position = {}, {}, 3
local first_counter, first_throttle = 1, 2 + 2 * tonumber(ARGV[2])
for number = 1, tonumber(ARGV[1]) do
    local hold = {at = position, counters = position + 5, throttles = position + 5 + tonumber(ARGV[position + 3])}
    position = hold.throttles + tonumber(ARGV[position + 4])
    hold.after = position
    holds[number], hold_ids[number] = hold, ARGV[hold.at]
end
local kept = redis.call('HMGET', KEYS[2], unpack(hold_ids))

local counters = {}
local function counter_at(index)
    local counter = counters[index]
    if not counter then
        local fields = redis.call('HMGET', KEYS[first_counter + 2 * index], 'generation', 'seeded')
        local counts = fields[1] == generation
        counter = {counts = counts, ahead = counts and tonumber(fields[2]) > applied, held = amount_of('0'), ended = {}}
        counters[index] = counter
    end
    return counter
end

-- Frees the places of a call. Returns whether a counter of it is ahead of the pool.
local function free_places(hold)
    local ahead = false
    for at = hold.counters, hold.throttles - 1 do
        local counter = counter_at(tonumber(ARGV[at]))
        counter.ended[#counter.ended + 1] = ARGV[hold.at]
        ahead = ahead or counter.ahead
    end
    return ahead
end

local function correct_throttles(hold, slice, tokens)
    for at = hold.throttles, slice ~= '' and hold.after - 1 or 0 do
        correct(KEYS[first_throttle + tonumber(ARGV[at])], tonumber(slice), tonumber(ARGV[hold.at + 2]) - tonumber(tokens))
    end
end

local held, fields = amount_of('0'), {}
-- Replaces the amount of an open hold by the charge, on the pool and on every counter.
local function replace(hold, text)
    local entry = entry_of(text)
    local before, charge = amount_of(entry.amount), amount_of(ARGV[hold.at + 1])
    local finished_before = entry.placed ~= ''
    if finished_before and not exceeds(charge, before) then
        return
    end
    add_to(held, charge)
    add_to(held, before, -1)
    for at = hold.counters, hold.throttles - 1 do
        local counter = counter_at(tonumber(ARGV[at]))
        if counter.counts then
            add_to(counter.held, charge)
            add_to(counter.held, before, -1)
        end
    end
    if not finished_before then
        correct_throttles(hold, entry.slice, entry.tokens)
        entry.placed, entry.tokens = entry.amount, ARGV[hold.at + 2]
    end
    entry.amount = ARGV[hold.at + 1]
    fields[#fields + 1], fields[#fields + 2] = ARGV[hold.at], text_of_entry(entry)
end

local finished = {}
for number, hold in ipairs(holds) do
    local text = kept[number]
    if text and not finished[hold_ids[number]] and not free_places(hold) then
        finished[hold_ids[number]] = true
        replace(hold, text)
    end
end

local function increase(key, amount)
    if not is_nothing(amount) then
        redis.call('HINCRBY', key, 'held', text_of(amount))
    end
end
if #fields > 0 then
    redis.call('HSET', KEYS[2], unpack(fields))
end
increase(KEYS[1], held)
for index, counter in pairs(counters) do
    local key = KEYS[first_counter + 2 * index]
    increase(key, counter.held)
    if #counter.ended > 0 then
        redis.call('ZREM', KEYS[first_counter + 2 * index + 1], unpack(counter.ended))
    end
end
return #fields / 2
