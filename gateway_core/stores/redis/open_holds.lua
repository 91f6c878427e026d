-- The texts under which open holds are kept. A hold is its amount or, if there is more to keep,
-- amount:slice:tokens:counters that would have refused:output limit:amount at its placement.
-- Parts that there is no need to keep are empty. The slice and the tokens are those of token throttles. The last part is there
-- once the call has finished: the amount is then the charge that will be settled, and the tokens are those that were used.
--
-- After the counters and two commas follow, separated by commas, what several attempts to place the hold must know of each other: the
-- time of the first in microseconds, its terms, and the number of each attempt. Only place.lua and release.lua read this. A hold that
-- was rebuilt from the holds table lacks it.
local function entry_of(text)
    local amount, slice, tokens, shadows, limit, placed =
        string.match(text, '^(%d+):?(%d*):?(%d*):?([%d,]*):?(%d*):?(%d*)$')
    return {amount = amount, slice = slice, tokens = tokens, shadows = shadows, limit = limit, placed = placed}
end

local function text_of_entry(entry)
    return table.concat({entry.amount, entry.slice, entry.tokens, entry.shadows, entry.limit, entry.placed}, ':')
end

-- Returns the counters of an entry, and time, terms and attempts; nil after the counters if it lacks them.
local function attempts_of(entry)
    local shadows, time, terms, attempts = string.match(entry.shadows, '^(.-),,(%d+),(%d+),(.*)$')
    return shadows or entry.shadows, time, terms, attempts
end

local function with_attempts(shadows, time, terms, attempts)
    return shadows .. ',,' .. time .. ',' .. terms .. ',' .. attempts
end
