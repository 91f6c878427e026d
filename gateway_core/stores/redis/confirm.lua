-- Checks whether holds that have reached the holds table are counted here. If a pool of the same generation has counted fewer
-- placements, it is from an old snapshot: it is dropped, as when a hold is placed.
-- KEYS: pool, open holds
-- ARGV: number of generations under which the holds were placed; for each, its name and its highest placement number; then the ids
--       of the holds
-- Returns nil without a pool, or the index of each hold that is not counted.
local pool = redis.call('HMGET', KEYS[1], 'generation', 'placements')
if not pool[1] then
    return nil
end
local first_id = 2 + 2 * tonumber(ARGV[1])
for position = 2, first_id - 1, 2 do
    if ARGV[position] == pool[1] and tonumber(ARGV[position + 1]) > tonumber(pool[2]) then
        redis.call('DEL', KEYS[1])
        return nil
    end
end
local absent = {}
for index, kept in ipairs(redis.call('HMGET', KEYS[2], unpack(ARGV, first_id))) do
    if not kept then
        absent[#absent + 1] = index
    end
end
return absent
