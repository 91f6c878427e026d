-- Gives back what finished calls of one organization leave of their holds, before their settlement: each open hold becomes the
-- charge that will be settled, and its places among the concurrent calls become free. Repeating it changes nothing.
-- KEYS: pool, open holds, then each counter followed by the open calls of its scope, then token throttles, each once
-- ARGV: number of counters, number of paths, then for each path: number of counters, number of throttles, index of each counter,
--       index of each throttle; then for each hold: id, charge, tokens used, number of its path. A path is what calls share that
--       count on the same counters and throttles.
-- Returns the number of holds that changed.
--
-- A hold that is not open here is left alone: it is not counted here, or its settlement has already been applied.
-- A further report of a finished call may raise its amount but never lower it, because either of the two may be settled.
--
-- A counter that was seeded beyond what the pool has applied may not count the hold, because the snapshot may have had it
-- resolved. The hold then keeps its amount until its settlement is applied.
local pool = redis.call('HMGET', KEYS[1], 'sequence', 'generation')
local applied, generation = tonumber(pool[1]), pool[2]
if not generation then
    return 0
end
local first_counter, first_throttle = 1, 2 + 2 * tonumber(ARGV[1])

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

local paths, position = {}, 3
for number = 1, tonumber(ARGV[2]) do
    local path = {counters = {}, throttles = {}, held = amount_of('0'), ended = {}, ahead = false}
    local counter_count, throttle_count = tonumber(ARGV[position]), tonumber(ARGV[position + 1])
    position = position + 2
    for _ = 1, counter_count do
        local counter = counter_at(tonumber(ARGV[position]))
        path.counters[#path.counters + 1] = counter
        path.ahead = path.ahead or counter.ahead
        position = position + 1
    end
    for _ = 1, throttle_count do
        path.throttles[#path.throttles + 1] = KEYS[first_throttle + tonumber(ARGV[position])]
        position = position + 1
    end
    paths[number] = path
end

local hold_ids = {}
local first_hold = position
for at = first_hold, #ARGV, 4 do
    hold_ids[#hold_ids + 1] = ARGV[at]
end
local kept = redis.call('HMGET', KEYS[2], unpack(hold_ids))

-- Returns the new text of an open hold whose amount becomes the charge; nil if nothing changes.
local function finish(path, text, charge_text, tokens)
    local entry = entry_of(text)
    local before, charge = amount_of(entry.amount), amount_of(charge_text)
    if entry.placed ~= '' and not exceeds(charge, before) then
        return nil
    end
    add_to(path.held, charge)
    add_to(path.held, before, -1)
    if entry.placed == '' then
        for _, key in ipairs(entry.slice ~= '' and path.throttles or {}) do
            correct(key, tonumber(entry.slice), tonumber(tokens) - tonumber(entry.tokens))
        end
        entry.placed, entry.tokens = entry.amount, tokens
    end
    entry.amount = charge_text
    return text_of_entry(entry)
end

local fields, seen = {}, {}
for number, hold_id in ipairs(hold_ids) do
    local at = first_hold + 4 * (number - 1)
    local path, text = paths[tonumber(ARGV[at + 3])], kept[number]
    if text and not seen[hold_id] then
        seen[hold_id] = true
        path.ended[#path.ended + 1] = hold_id
        local changed = not path.ahead and finish(path, text, ARGV[at + 1], ARGV[at + 2])
        if changed then
            fields[#fields + 1], fields[#fields + 2] = hold_id, changed
        end
    end
end

local held = amount_of('0')
for _, path in ipairs(paths) do
    add_to(held, path.held)
    for _, counter in ipairs(path.counters) do
        add_to(counter.held, path.held)
        for _, hold_id in ipairs(path.ended) do
            counter.ended[#counter.ended + 1] = hold_id
        end
    end
end
if #fields > 0 then
    redis.call('HSET', KEYS[2], unpack(fields))
end
local function increase(key, amount)
    if not is_nothing(amount) then
        redis.call('HINCRBY', key, 'held', text_of(amount))
    end
end
increase(KEYS[1], held)
local open_calls = {}
for index, counter in pairs(counters) do
    if counter.counts then
        increase(KEYS[first_counter + 2 * index], counter.held)
    end
    open_calls[#open_calls + 1] = KEYS[first_counter + 2 * index + 1]
end
if #open_calls > 0 and redis.call('EXISTS', unpack(open_calls)) > 0 then
    for index, counter in pairs(counters) do
        if #counter.ended > 0 then
            redis.call('ZREM', KEYS[first_counter + 2 * index + 1], unpack(counter.ended))
        end
    end
end
return #fields / 2
