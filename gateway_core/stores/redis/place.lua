-- Places holds of one organization, each on the credit pool, on every counter of its call and on its throttles: all or none.
-- The calls are processed one after the other, so each sees what those before it took. Keys that calls share are read and written
-- once.
-- KEYS: pool, open holds, two hashes of refusals by hold (`decisions.lua`), withdrawal of each call, then counters and throttles of all calls, each once
-- ARGV: floor, number of calls, then for each call: hold id, amount, expiry of the hold in epoch seconds, tokens, share ('' if the
--       call must pass untouched), time in microseconds, terms, attempt, degradation, number of counters, number of throttles; for each
--       counter:
--       position among the counters and throttles, limit ('' = unlimited);
--       for each throttle: position, kind, limit, index of its counter. A limit that begins with 's' is in shadow mode: a call
--       that it would refuse passes and is reported. 'w', a threshold and ':' before the limit of a counter ask to report it once its
--       settled amount has reached the threshold; 'w', a budget, '%', a number and ':' once it has reached that percentage of the
--       budget and what is carried. 'r', a position and ':' before all of it say that the counter at that position counts the period
--       before, and that what is left of that period is carried into this one.
-- Returns the generation of the pool ('' without one), then for each call one of:
-- - the number of its placement
-- - {'placed', number, index of a counter whose guardrail would have refused...}. If the hold was there already, 'before', the time
--   at which it was placed, and its amount follow the number. If the call gets an output limit, 'limit', the
--   limit in tokens, and the amount that is held with it follow. If tokens are limited, 'tokens', index, what is
--   left, and reset in microseconds of the tightest throttle follow. If counters have reached their threshold, 'reached', how many,
--   and their indexes follow.
-- - {'missing', edition of the pool or '', index...}: an index below 0 is the counter of the period before, of the counter -index
-- - {'skipped'}: another hold of the call's ladder was placed or decides
-- - {'withdrawn'}
-- - {'taken'}: another attempt has just decided: the hold is there on other terms or without its terms, or it was refused on other
--   terms, or so lately that the other attempt is about to answer
-- - {'refused', index, settled or balance or used, held or wait in microseconds, carried or reset in microseconds, what open calls
--   of the period before keep from being carried, ...}
-- Index 0 is the pool. The indexes of throttles follow those of the counters of the call.
--
-- A share is base:price of a token:least:most, as `reserves.OutputShare` describes it. If the amount is more than the share of any
-- scope (`reserves.share_of`), the call gets the output limit whose amount fits that share, but at least `least`, and holds less.
--
-- A ladder: the holds of a call on several models, of which one is placed, follow each other with the same id, counters and throttles.
-- All but the last have a degradation: a percentage. Such a hold is placed only if no enforced budget is used by more than that
-- afterward; otherwise the next one is tried. The last one is placed or refused as any other hold, and its terms are those of a refusal.
--
-- `open_holds.lua` says how an open hold is kept. Several replicas may be asked about one call, and place its hold: it counts once,
-- with the time and the amount of the first, and stays until the last of them releases it. Terms are a number that is the same for
-- the same key, model, price, counters and throttles. A replica whose terms are others, because an admin changed them just now or a
-- period has ended, cannot answer for the hold.
--
-- A refusal stands for all attempts at the call, as `attempts;terms;time in microseconds;` and the refusal. Otherwise Envoy could take it
-- from one replica while another one places the hold, which nothing would ever release. The attempt that was refused may still place the
-- hold, because it may wait for the end of other calls. Once a second attempt has got the refusal, none may.
--
-- What is carried: `rollovers.Carry`. Base and cap are fields of the counter. Once a call was placed on a period with rollover, none is
-- placed on the period before anymore, by a replica whose clock is late: what is left there has been given to the new period.
--
-- The floor is a number of placements that this pool is known to have reached. A pool that has counted fewer is from an old
-- snapshot that lacks newer holds, so it is dropped and reported missing. A pool that holds something but whose open holds are gone
-- is dropped too: Redis has evicted them, and nothing would ever release what they held. A counter that was not seeded for this
-- generation of the pool is missing too.
local floor, call_count = tonumber(ARGV[1]), tonumber(ARGV[2])
local first_key = 4 + call_count
local refused_in = {KEYS[3], KEYS[4]}
local ANSWERED_WITHIN_US = 90000

-- The requested calls, and the ids of their holds.
local calls, hold_ids, position = {}, {}, 3
for number = 1, call_count do
    local call = {
        id = ARGV[position], amount = amount_of(ARGV[position + 1]), amount_text = ARGV[position + 1],
        expiry = ARGV[position + 2], tokens = tonumber(ARGV[position + 3]), share = ARGV[position + 4],
        time = ARGV[position + 5], terms = ARGV[position + 6], attempt = ARGV[position + 7],
        degrade_at = tonumber(ARGV[position + 8]),
        counter_count = tonumber(ARGV[position + 9]), throttle_count = tonumber(ARGV[position + 10]), counters = position + 11,
    }
    call.throttles = call.counters + 2 * call.counter_count
    position = call.throttles + 4 * call.throttle_count
    calls[number], hold_ids[number] = call, call.id
end

local pool = redis.call('HMGET', KEYS[1], 'balance', 'held', 'generation', 'placements', 'additions')
local generation, placements = pool[3], tonumber(pool[4])
local evicted = generation and pool[2] ~= '0' and redis.call('EXISTS', KEYS[2]) == 0
if not generation or placements < floor or evicted then
    redis.call('DEL', KEYS[1])
    local answers = {''}
    for number, call in ipairs(calls) do
        local all = {'missing', '', 0}
        for index = 1, call.counter_count + call.throttle_count do
            all[#all + 1] = index
        end
        answers[1 + number] = all
    end
    return answers
end

local edition = generation .. ':' .. (pool[5] or 0)
local balance, pool_held = amount_of(pool[1]), amount_of(pool[2])
local known_holds = redis.call('HMGET', KEYS[2], unpack(hold_ids))
local any_withdrawn = redis.call('EXISTS', unpack(KEYS, 5, 4 + call_count)) > 0
local refused = redis.call('EXISTS', KEYS[3], KEYS[4]) > 0 and decisions_of(refused_in, hold_ids) or {}

local limits = {}
-- Returns the limit of a text, and whether it is in shadow mode.
local function limit_of(text)
    local limit = limits[text]
    if not limit then
        local plain, previous, threshold, percent = text, nil, nil, ''
        if string.byte(plain, 1) == 114 then -- 'r'
            previous, plain = string.match(plain, '^r(%d+):(.*)$')
        end
        if string.byte(plain, 1) == 119 then -- 'w'
            threshold, percent, plain = string.match(plain, '^w(%d+)%%?(%d*):(.*)$')
        end
        local shadow = string.byte(plain, 1) == 115 -- 's'
        plain = shadow and string.sub(plain, 2) or plain
        limit = {
            amount = plain ~= '' and amount_of(plain) or nil, most = tonumber(plain), shadow = shadow,
            threshold = threshold and amount_of(threshold), percent = tonumber(percent), previous = tonumber(previous),
        }
        limits[text] = limit
    end
    return limit
end

-- The state of counters and throttles by position, read when the first call needs it.
local counters, windows, open_calls = {}, {}, {}

local function counter_at(place)
    local counter = counters[place]
    if not counter then
        local fields = redis.call('HMGET', KEYS[first_key + place], 'settled', 'held', 'generation')
        if fields[3] == generation then
            local settled, held = amount_of(fields[1]), amount_of(fields[2])
            counter = {settled = fields[1], held = held, used = sum_of(settled, held), added = amount_of('0')}
        else
            counter = {missing = true}
        end
        counters[place] = counter
    end
    return counter
end

local nothing = amount_of('0')

-- Returns what is carried into the period of a counter: now, and once the open calls of the period before have ended; nil and what
-- is missing if it is not known.
local function carried_into(place, limit)
    local before = counter_at(limit.previous)
    if before.missing then
        return nil, 'previous'
    end
    local counter = counter_at(place)
    if counter.carries == nil then
        local fields = redis.call('HMGET', KEYS[first_key + place], 'base', 'cap', 'closed')
        counter.carries, counter.closed = fields[1] ~= false, fields[3] ~= false
        if counter.carries then
            counter.base, counter.cap = amount_of(fields[1]), amount_of(fields[2])
        end
    end
    if not counter.carries then
        return nil, 'counter'
    end
    local function after(used)
        local left = sum_of(counter.base, {credits = -used.credits, nanos = -used.nanos})
        if not exceeds(left, nothing) then
            return nothing
        end
        return exceeds(left, counter.cap) and counter.cap or left
    end
    return after(before.used), after(amount_of(before.settled))
end

-- Returns the amount that a counter may reach.
local function room_of(place, limit)
    if not limit.previous or not limit.amount then
        return limit.amount
    end
    local carried = carried_into(place, limit)
    return carried and sum_of(limit.amount, carried) or limit.amount
end

-- Returns whether the settled amount of a counter has reached the threshold of its budget.
local function has_reached(limit, settled, carried)
    if not limit.percent then
        return not exceeds(limit.threshold, settled)
    end
    local budget = sum_of(limit.threshold, carried or nothing)
    local share = {credits = budget.credits * limit.percent, nanos = budget.nanos * limit.percent}
    return not exceeds(share, {credits = settled.credits * 100, nanos = settled.nanos * 100})
end

local function window_at(place)
    local window = windows[place]
    if not window then
        window = read_counter(KEYS[first_key + place], 60000000 / SLICES)
        windows[place] = window
    end
    return window
end

local function open_calls_at(place)
    local open = open_calls[place]
    if not open then
        local key = KEYS[first_key + place]
        redis.call('ZREMRANGEBYSCORE', key, '-inf', now_us / 1000000)
        open = {
            key = key,
            missing = not redis.call('ZSCORE', key, 'generation:' .. generation),
            count = redis.call('ZCARD', key) - 1, -- one member is the generation
            expiry = 0,
        }
        open_calls[place] = open
    end
    return open
end

-- Records that a limit is exceeded: as a refusal, or in shadow mode among the counters that would have refused.
local function refuse(verdict, shadow, counter_index, index, used, second, third, fourth)
    if shadow then
        if not verdict.shadows[counter_index] then
            verdict.shadows[counter_index] = true
            verdict.shadow_order[#verdict.shadow_order + 1] = counter_index
        end
        return
    end
    local refused = verdict.refused
    local size = #refused
    refused[size + 1], refused[size + 2], refused[size + 3], refused[size + 4] = index, used, second, third
    refused[size + 5] = fourth or 0
end

-- Returns a difference in nano-credits as a double. Above 9 million credits it is inexact, where no call exceeds its share.
local function difference(one, other)
    return (one.credits - other.credits) * CREDIT + one.nanos - other.nanos
end

-- Same rule: `reserves.share_of`.
local function share_of(unspent, free)
    return math.min(math.floor(unspent / 64), math.floor(free / 8))
end

-- Returns the smallest share of the pool and of the enforced limits of the call.
local function smallest_share(call)
    local smallest = share_of(difference(balance, amount_of('0')), difference(balance, pool_held))
    for index = 1, call.counter_count do
        local at = call.counters + 2 * (index - 1)
        local place, text = tonumber(ARGV[at]), ARGV[at + 1]
        local counter = counter_at(place)
        if text ~= '' and not counter.missing then
            local limit = limit_of(text)
            if limit.amount and not limit.shadow then
                local room = room_of(place, limit)
                local unspent = difference(room, amount_of(counter.settled))
                smallest = math.min(smallest, share_of(unspent, difference(room, counter.used)))
            end
        end
    end
    return smallest
end

-- Chooses an output limit for a call whose amount is more than its share. Same rule: `reserves.OutputShare.limit_within`.
local function cut(call)
    local share = smallest_share(call)
    if call.amount.credits * CREDIT + call.amount.nanos <= share then
        return
    end
    local base, price, least, most = string.match(call.share, '^(%d+):(%d+):(%d+):(%d+)$')
    base, price, least, most = tonumber(base), tonumber(price), tonumber(least), tonumber(most)
    local limit = math.max(math.floor((share - base) / price), least)
    if limit < most then
        call.limit = whole(limit)
        call.amount_text = whole(base + price * limit)
        call.amount = amount_of(call.amount_text)
    end
end

-- Returns whether a call would use more of a budget than its degradation allows.
local function degrades(call, limit, used, room)
    if not call.degrade_at or limit.shadow then
        return false
    end
    local after = sum_of(used, call.amount)
    local share = {credits = room.credits * call.degrade_at, nanos = room.nanos * call.degrade_at}
    return exceeds({credits = after.credits * 100, nanos = after.nanos * 100}, share)
end

-- Judges the budget of a counter with what is carried into its period.
local function judge_carrying(call, verdict, index, place, limit)
    local counter = counter_at(place)
    local carried, later = carried_into(place, limit)
    if not carried then
        verdict.missing[#verdict.missing + 1] = later == 'previous' and -index or index
        return
    end
    if limit.threshold and has_reached(limit, amount_of(counter.settled), carried) then
        verdict.reached[#verdict.reached + 1] = index
    end
    local room = limit.amount and sum_of(limit.amount, carried)
    verdict.degraded = verdict.degraded or room and degrades(call, limit, counter.used, room)
    if room and (counter.closed or exceeds(sum_of(counter.used, call.amount), room)) then
        local coming = sum_of(later, {credits = -carried.credits, nanos = -carried.nanos})
        refuse(verdict, limit.shadow, index, index, counter.settled, text_of(counter.held), text_of(carried), text_of(coming))
    end
end

local function judge_counters(call, verdict)
    if exceeds(sum_of(pool_held, call.amount), balance) then
        refuse(verdict, false, 0, 0, pool[1], text_of(pool_held), 0)
    end
    for index = 1, call.counter_count do
        local at = call.counters + 2 * (index - 1)
        local counter, text = counter_at(tonumber(ARGV[at])), ARGV[at + 1]
        local limit = text ~= '' and limit_of(text)
        if counter.missing then
            verdict.missing[#verdict.missing + 1] = index
        elseif limit and limit.previous then
            judge_carrying(call, verdict, index, tonumber(ARGV[at]), limit)
        elseif limit then
            if limit.threshold and has_reached(limit, amount_of(counter.settled)) then
                verdict.reached[#verdict.reached + 1] = index
            end
            verdict.degraded = verdict.degraded or limit.amount and degrades(call, limit, counter.used, limit.amount)
            if limit.amount and exceeds(sum_of(counter.used, call.amount), limit.amount) then
                refuse(verdict, limit.shadow, index, index, counter.settled, text_of(counter.held), 0)
            end
        end
    end
end

local function judge_throttles(call, verdict)
    for number = 1, call.throttle_count do
        local at, index = call.throttles + 4 * (number - 1), call.counter_count + number
        local place, limit, counter_index = tonumber(ARGV[at]), limit_of(ARGV[at + 2]), tonumber(ARGV[at + 3])
        if ARGV[at + 1] == 'tokens' then
            local window = window_at(place)
            verdict.windows[#verdict.windows + 1] = {window = window, index = index, most = not limit.shadow and limit.most}
            if window.total + call.tokens > limit.most then
                local reset = window.total > 0 and until_gone(window, window.newest) or 0
                local wait = wait_us(window, limit.most, call.tokens)
                refuse(verdict, limit.shadow, counter_index, index, window.total, wait, reset)
            end
        else
            local open = open_calls_at(place)
            verdict.open_calls[#verdict.open_calls + 1] = open
            if open.missing then
                verdict.missing[#verdict.missing + 1] = index
            elseif open.count >= limit.most then
                refuse(verdict, limit.shadow, counter_index, index, open.count, limit.most == 0 and -1 or 0, 0)
            end
        end
    end
end

local function append(list, ...)
    for _, value in ipairs({...}) do
        list[#list + 1] = value
    end
end

-- All fields to write into the open holds with one command, and the same by id, because a hold may be requested twice.
local kept, kept_by_id = {}, {}
local function keep(id, text)
    kept[#kept + 1], kept[#kept + 2] = id, text
    kept_by_id[id] = text
end

-- The positions of counters whose rest has been given to the period after theirs.
local to_close = {}

local function place(call, verdict)
    local slice, tightest, least = '', nil, nil
    for _, one in ipairs(verdict.windows) do
        slice = slice == '' and whole(one.window.slice) or slice
        count_hits(one.window, call.tokens)
        -- Throttles in shadow mode are not reported to callers.
        if one.most and (not tightest or one.most - one.window.total < least) then
            tightest, least = one, one.most - one.window.total
        end
    end
    for _, open in ipairs(verdict.open_calls) do
        redis.call('ZADD', open.key, call.expiry, call.id)
        open.count, open.expiry = open.count + 1, math.max(open.expiry, tonumber(call.expiry) + 1)
    end
    local shadows = verdict.shadow_order
    local text, tokens = call.amount_text, ''
    if #verdict.windows > 0 or #shadows > 0 or call.limit then
        tokens = whole(call.tokens)
    end
    text = text .. ':' .. slice .. ':' .. tokens .. ':'
        .. with_attempts(table.concat(shadows, ','), call.time, call.terms, call.attempt)
    if call.limit then
        text = text .. ':' .. call.limit
    end
    keep(call.id, text)
    add_to(pool_held, call.amount)
    for index = 1, call.counter_count do
        local at = call.counters + 2 * (index - 1)
        local counter = counters[tonumber(ARGV[at])]
        local limit = ARGV[at + 1] ~= '' and limit_of(ARGV[at + 1])
        if limit and limit.previous and not is_nothing(counter.base) then
            to_close[limit.previous] = true
        end
        add_to(counter.used, call.amount)
        add_to(counter.held, call.amount)
        add_to(counter.added, call.amount)
    end
    placements = placements + 1
    local reached = verdict.reached
    if not tightest and not call.limit and #shadows == 0 and #reached == 0 then
        return placements
    end
    local answer = {'placed', placements}
    if call.limit then
        append(answer, 'limit', call.limit, call.amount_text)
    end
    if tightest then
        append(answer, 'tokens', tightest.index, least, until_gone(tightest.window, tightest.window.slice))
    end
    if #reached > 0 then
        append(answer, 'reached', #reached, unpack(reached))
    end
    append(answer, unpack(shadows))
    return answer
end

-- Answers for a hold that was already placed, by a command whose answer was lost or by another attempt.
local function placed_before_as(text, call)
    local entry = entry_of(text)
    local shadows, time, terms, attempts = attempts_of(entry)
    if terms ~= call.terms then
        return {'taken'}
    end
    if not string.find(',' .. attempts .. ',', ',' .. call.attempt .. ',', 1, true) then
        entry.shadows = with_attempts(shadows, time, terms, attempts .. ',' .. call.attempt)
        keep(call.id, text_of_entry(entry))
    end
    local amount = entry.placed ~= '' and entry.placed or entry.amount
    local answer = {'placed', placements, 'before', time, amount}
    if entry.limit ~= '' then
        append(answer, 'limit', entry.limit, amount)
    end
    for index in string.gmatch(shadows, '%d+') do
        append(answer, tonumber(index))
    end
    return answer
end

-- Returns whether a hold that was already placed has the terms of a call.
local function is_of_terms(text, call)
    local _, _, terms = attempts_of(entry_of(text))
    return terms == call.terms
end

local new_refusals = {}
local function keep_refusal(call, attempts, text)
    refused[call.id] = table.concat({attempts, call.terms, whole(now_us), text}, ';')
    append(new_refusals, call.id, refused[call.id])
end

-- Answers for a call that was refused before; nil if the attempt may try again.
local function refused_before_as(text, call)
    local attempts, terms, refused_us, refusal = string.match(text, '^([^;]*);([^;]*);(%d+);(.*)$')
    if attempts == call.attempt then
        return nil
    end
    local is_known = string.find(',' .. attempts .. ',', ',' .. call.attempt .. ',', 1, true)
    if terms ~= call.terms or not is_known and now_us - refused_us < ANSWERED_WITHIN_US then
        return {'taken'}
    end
    if not is_known then
        keep_refusal(call, attempts .. ',' .. call.attempt, refusal)
    end
    local answer = {'refused'}
    for value in string.gmatch(refusal, '%S+') do
        answer[#answer + 1] = value
    end
    return answer
end

local function decide(number, call)
    if any_withdrawn and redis.call('EXISTS', KEYS[4 + number]) == 1 then
        return {'withdrawn'}
    end
    local known = kept_by_id[call.id] or known_holds[number]
    if known and call.degrade_at and not is_of_terms(known, call) then
        return nil
    end
    if known then
        return placed_before_as(known, call)
    end
    if call.degrade_at and refused[call.id] and string.match(refused[call.id], '^[^;]*') ~= call.attempt then
        return nil
    end
    local before = refused[call.id] and refused_before_as(refused[call.id], call)
    if before then
        return before
    end
    local verdict = {
        missing = {'missing', edition}, refused = {'refused'}, shadows = {}, shadow_order = {}, windows = {}, open_calls = {},
        reached = {},
    }
    if call.share ~= '' then
        cut(call)
    end
    judge_counters(call, verdict)
    judge_throttles(call, verdict)
    if #verdict.missing > 2 then
        return verdict.missing
    end
    if call.degrade_at and (verdict.degraded or #verdict.refused > 1) then
        return nil
    end
    if #verdict.refused == 1 then
        if refused[call.id] then
            redis.call('HDEL', KEYS[3], call.id)
            redis.call('HDEL', KEYS[4], call.id)
        end
        return place(call, verdict)
    end
    keep_refusal(call, call.attempt, table.concat(verdict.refused, ' ', 2))
    return verdict.refused
end

local answers = {generation}
local is_decided = false
for number, call in ipairs(calls) do
    local answer = not is_decided and decide(number, call)
    answers[1 + number] = answer or {'skipped'}
    is_decided = call.degrade_at and (is_decided or answer and true)
end

keep_decisions(refused_in, new_refusals)
if #kept > 0 then
    redis.call('HSET', KEYS[2], unpack(kept))
    redis.call('HSET', KEYS[1], 'held', text_of(pool_held), 'placements', whole(placements))
    for place_of, counter in pairs(counters) do
        if not counter.missing and not is_nothing(counter.added) then
            redis.call('HINCRBY', KEYS[first_key + place_of], 'held', text_of(counter.added))
        end
    end
    for place_of in pairs(to_close) do
        if redis.call('HEXISTS', KEYS[first_key + place_of], 'closed') == 0 then
            redis.call('HSET', KEYS[first_key + place_of], 'closed', '1')
        end
    end
    for _, window in pairs(windows) do
        write_counter(window)
    end
    for _, open in pairs(open_calls) do
        if open.expiry > 0 then
            redis.call('EXPIREAT', open.key, open.expiry)
        end
    end
end
return answers
