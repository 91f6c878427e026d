-- Folds what finished calls say about deployments into their breakers, and remembers whose calls failed.
--
-- KEYS[1]  a hash: by place, "<failures> <calls> <at> <open until> <pauses>". Times are milliseconds of this server's clock, and
--          failures and calls are counted with a half-life.
-- KEYS[2]  a sorted set of "<caller> <place>" by the time until which it counts.
-- ARGV     half-life, least failures, percent, first pause, longest pause, how long a caller counts, how many callers at most;
--          then for each call: place, outcome, when it was decided, retry-after in ms, caller.

local half_life, least, percent = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local first_pause, longest_pause = tonumber(ARGV[4]), tonumber(ARGV[5])
local counts_ms, callers_max = tonumber(ARGV[6]), tonumber(ARGV[7])
local clock = redis.call("TIME")
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

local function read(place)
  local text = redis.call("HGET", KEYS[1], place)
  local failures, calls, at, open_until, pauses = string.match(text or "", "^(%S+) (%S+) (%d+) (%d+) (%d+)$")
  if not failures then return { failures = 0, calls = 0, open_until = 0, pauses = 0 } end
  local left = 0.5 ^ (math.max(0, now - tonumber(at)) / half_life)
  return {
    failures = tonumber(failures) * left,
    calls = tonumber(calls) * left,
    open_until = tonumber(open_until),
    pauses = tonumber(pauses),
  }
end

local function open(state, pause)
  state.open_until = math.max(state.open_until, now + math.min(pause, longest_pause))
  state.pauses = math.min(state.pauses + 1, 30)
end

-- A call decided before the breaker let calls through again says nothing about the time after.
local function counts(state, decided) return now >= state.open_until and decided >= state.open_until end

local function fold(state, outcome, decided, retry_after)
  state.calls = state.calls + 1
  if outcome == "served" then
    if state.pauses > 0 and counts(state, decided) then
      state.pauses, state.open_until, state.failures, state.calls = 0, 0, 0, 1
    end
    return
  end
  state.failures = state.failures + 1
  if not counts(state, decided) then return end
  if outcome == "refused" then
    open(state, longest_pause)
  elseif outcome == "limited" then
    open(state, math.max(retry_after, first_pause))
  elseif state.pauses > 0 or (state.failures >= least and state.failures * 100 >= state.calls * percent) then
    open(state, first_pause * 2 ^ state.pauses)
  end
end

local states = {}
for first = 8, #ARGV, 5 do
  local place, outcome = ARGV[first], ARGV[first + 1]
  states[place] = states[place] or read(place)
  fold(states[place], outcome, tonumber(ARGV[first + 2]), tonumber(ARGV[first + 3]))
  if outcome ~= "served" then redis.call("ZADD", KEYS[2], now + counts_ms, ARGV[first + 4] .. " " .. place) end
end
for place, state in pairs(states) do
  redis.call("HSET", KEYS[1], place, string.format("%.3f %.3f %d %d %d", state.failures, state.calls, now, state.open_until, state.pauses))
end
redis.call("ZREMRANGEBYSCORE", KEYS[2], "-inf", now)
redis.call("ZREMRANGEBYRANK", KEYS[2], 0, -callers_max - 1)
return now
