-- Applies ledger events of one organization to its pool and counters, each exactly once, in the order of the ledger.
-- KEYS: pool, open holds, then each counter followed by the open calls of its scope, then token throttles, each once
-- ARGV: sequence before the first event, number of events, number of counters, then for each event:
--       sequence, hold id ('' = none), charge, change of the pool's balance, tokens used, number of counters, number of throttles,
--       index of each counter (negative if it carries only the charge and not the hold), index of each throttle
-- Returns the sequence that Redis has reached, smaller than ARGV[1] if events in between are missing, or -1 without a pool; then 1
-- if a call has lately waited for the end of another (`want.lua`), else 0.
--
-- Keys that several events share are read and written once, with the sum of their changes. If a pool holds something but its open
-- holds are gone, Redis has evicted part of it: the pool is dropped, and rebuilt when it is needed.
local pool = redis.call('HMGET', KEYS[1], 'sequence', 'generation', 'held', 'wanted')
local applied, generation = tonumber(pool[1] or -1), pool[2]
if not generation then
    return {-1, 0}
end
if pool[3] ~= '0' and redis.call('EXISTS', KEYS[2]) == 0 then
    redis.call('DEL', KEYS[1])
    return {-1, 0}
end
local wanted = tonumber(pool[4] or 0) * 1000000 > now_us and 1 or 0
if applied < tonumber(ARGV[1]) then
    return {applied, wanted}
end

-- The events that are new, and the holds that they release.
local events, hold_ids, position = {}, {}, 4
local first_counter, first_throttle = 1, 2 + 2 * tonumber(ARGV[3])
for _ = 1, tonumber(ARGV[2]) do
    local event = {at = position, sequence = tonumber(ARGV[position]), counter_count = tonumber(ARGV[position + 5])}
    event.throttles = position + 7 + event.counter_count
    position = event.throttles + tonumber(ARGV[position + 6])
    event.after = position
    if event.sequence > applied then
        events[#events + 1] = event
        hold_ids[#hold_ids + 1] = ARGV[event.at + 1]
    end
end
if #events == 0 then
    return {applied, wanted}
end
local kept = redis.call('HMGET', KEYS[2], unpack(hold_ids))

local counters = {}
local function counter_at(index)
    local counter = counters[index]
    if not counter then
        local fields = redis.call('HMGET', KEYS[first_counter + 2 * index], 'seeded', 'generation')
        -- A counter of an earlier generation is rebuilt before it is used again.
        local seeded = fields[2] == generation and tonumber(fields[1]) or math.huge
        counter = {seeded = seeded, settled = amount_of('0'), held = amount_of('0'), ended = {}}
        counters[index] = counter
    end
    return counter
end

-- Replaces the tokens that are counted for the call by those that it used, while its slice counts.
local function correct_throttles(event, entry)
    for at = event.throttles, entry.slice ~= '' and event.after - 1 or 0 do
        local key = KEYS[first_throttle + tonumber(ARGV[at])]
        correct(key, tonumber(entry.slice), tonumber(ARGV[event.at + 4]) - tonumber(entry.tokens))
    end
end

local balance, held, released, released_ids = amount_of('0'), amount_of('0'), {}, {}
for number, event in ipairs(events) do
    local at = event.at
    local hold_id, charge = ARGV[at + 1], amount_of(ARGV[at + 2])
    -- A hold that is not open here was never counted here, so there is nothing to release.
    local text = hold_id ~= '' and not released[hold_id] and kept[number]
    local entry = text and entry_of(text)
    local amount = entry and amount_of(entry.amount)
    if entry then
        released[hold_id] = true
        released_ids[#released_ids + 1] = hold_id
        add_to(held, amount, -1)
    end
    add_to(balance, amount_of(ARGV[at + 3]))
    -- A call that has finished has already freed its places.
    local frees_places = hold_id ~= '' and not (entry and entry.placed ~= '')
    for place = at + 7, at + 6 + event.counter_count do
        local index = tonumber(ARGV[place])
        local counter = counter_at(math.abs(index))
        if frees_places then
            counter.ended[#counter.ended + 1] = hold_id
        end
        if event.sequence > counter.seeded then
            add_to(counter.settled, charge)
            if entry and index > 0 then
                add_to(counter.held, amount, -1)
            end
        end
    end
    if entry then
        correct_throttles(event, entry)
    end
end

if #released_ids > 0 then
    redis.call('HDEL', KEYS[2], unpack(released_ids))
end
local function increase(key, field, amount)
    if not is_nothing(amount) then
        redis.call('HINCRBY', key, field, text_of(amount))
    end
end
increase(KEYS[1], 'balance', balance)
increase(KEYS[1], 'held', held)
for index, counter in pairs(counters) do
    local key = KEYS[first_counter + 2 * index]
    increase(key, 'settled', counter.settled)
    increase(key, 'held', counter.held)
    if #counter.ended > 0 then
        redis.call('ZREM', KEYS[first_counter + 2 * index + 1], unpack(counter.ended))
    end
end
applied = events[#events].sequence
redis.call('HSET', KEYS[1], 'sequence', applied)
return {applied, wanted}
