-- Gives a finished call that was not settled its whole hold back. Its places among the concurrent calls stay free.
-- KEYS: pool, open holds, counter...   ARGV: hold id
-- Returns 1 if the hold has its whole amount, 0 if it is not open here or may not be counted by each of its counters.
local pool = redis.call('HMGET', KEYS[1], 'generation', 'sequence')
local kept = redis.call('HGET', KEYS[2], ARGV[1])
if not (pool[1] and kept) then
    return 0
end
local entry = entry_of(kept)
if entry.placed == '' then
    return 1
end
local counters = {}
for index = 3, #KEYS do
    local counter = redis.call('HMGET', KEYS[index], 'generation', 'seeded')
    if counter[1] == pool[1] then
        if tonumber(counter[2]) > tonumber(pool[2]) then
            return 0
        end
        counters[#counters + 1] = KEYS[index]
    end
end
local change = amount_of(entry.placed)
add_to(change, amount_of(entry.amount), -1)
redis.call('HINCRBY', KEYS[1], 'held', text_of(change))
for _, key in ipairs(counters) do
    redis.call('HINCRBY', key, 'held', text_of(change))
end
entry.amount, entry.placed = entry.placed, ''
redis.call('HSET', KEYS[2], ARGV[1], text_of_entry(entry))
return 1
