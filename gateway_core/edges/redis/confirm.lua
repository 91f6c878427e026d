-- Whether holds that are in the register by now are counted here. A pool of the same generation that has counted fewer placements
-- is from an old snapshot: it is dropped, as when a hold is placed.
-- KEYS: pool, open holds   ARGV: for each hold: its id, the generation it was placed under, the number of its placement
-- Answers nil without a pool, or the index of each hold that is not counted.
local pool = redis.call('HMGET', KEYS[1], 'generation', 'placements')
if not pool[1] then
    return nil
end
local absent = {}
for index = 1, #ARGV / 3 do
    local hold_id, generation, placement = ARGV[3 * index - 2], ARGV[3 * index - 1], ARGV[3 * index]
    if generation == pool[1] and tonumber(placement) > tonumber(pool[2]) then
        redis.call('DEL', KEYS[1])
        return nil
    end
    if redis.call('HEXISTS', KEYS[2], hold_id) == 0 then
        absent[#absent + 1] = index
    end
end
return absent
