-- Checks the JSON of REST calls before Envoy translates them. The translator accepts more than JSON and ignores unknown
-- fields, so a misspelled field would silently change nothing.
--
-- `return function(handle, api)`: `megarouter_envoy.filters.admin_json_types` makes `api` from the protos:
--   routes  {{HTTP method, pattern of the path, type of the body}, ...}
--   types   {[type] = {[name of a field] = {name of the field in its proto, type or nil, is a map or nil}}}
--   in_path {[name of a field] = true}: the fields that paths name, which no query parameter may name
--
-- Of a field that both the path and a query parameter name, the translator takes the parameter. So a call would be about
-- another resource than the one in its path, which is the one that proxies and their logs see.

local byte, find, match, sub = string.byte, string.find, string.match, string.sub

local MAX_DEPTH = 100
-- No request needs more, and a worker of Envoy checks them while other calls wait.
local MAX_VALUES = 20000
local MAX_NAME_SHOWN = 100
-- " \ / b f n r t
local ESCAPED = { [34] = true, [92] = true, [47] = true, [98] = true, [102] = true, [110] = true, [114] = true, [116] = true }
local LITERALS = { ["true"] = true, ["false"] = true, ["null"] = true }

local check_value
local values_seen = 0 -- of the current body: a script checks one body at a time

local function refuse(message)
  error({ refusal = message }, 0)
end

local function shown(name)
  return (sub(name, 1, MAX_NAME_SHOWN):gsub("[^%w_.@$-]", "?"))
end

local function no_json(position)
  refuse("The body is not valid JSON at character " .. position .. ".")
end

-- The loops below read byte by byte, because LuaJIT compiles them. It interprets patterns, which cost ten times as much.

-- Returns the position after whitespace.
local function skip_space(text, position)
  while true do
    local found = byte(text, position)
    if found ~= 32 and found ~= 10 and found ~= 13 and found ~= 9 then
      return position
    end
    position = position + 1
  end
end

-- Returns the position after the escape whose backslash is at `position`.
local function skip_escape(text, position)
  local found = byte(text, position + 1)
  if found == 117 then -- u
    for digit = position + 2, position + 5 do
      found = byte(text, digit) or 0
      if not (found >= 48 and found <= 57 or found >= 65 and found <= 70 or found >= 97 and found <= 102) then
        no_json(position)
      end
    end
    return position + 6
  elseif not ESCAPED[found] then
    no_json(position)
  end
  return position + 2
end

-- Returns the position after a string that begins at `position`, and whether it contains an escape.
local function skip_string(text, position)
  local at, has_escape = position + 1, false
  while true do
    local found = byte(text, at)
    if found == 34 then
      return at + 1, has_escape
    elseif found == 92 then
      has_escape = true
      at = skip_escape(text, at)
    elseif not found then
      no_json(position)
    elseif found < 32 then
      no_json(at)
    else
      at = at + 1
    end
  end
end

-- Returns the position after a number or a literal.
local function skip_scalar(text, position)
  local word = match(text, "^%a+", position)
  if word then
    return LITERALS[word] and position + #word or no_json(position)
  end
  local whole = match(text, "^-?%d+", position)
  if not whole or find(whole, "^-?0%d") then
    no_json(position)
  end
  local after = position + #whole
  after = after + #(match(text, "^%.%d+", after) or "")
  return after + #(match(text, "^[eE][+-]?%d+", after) or "")
end

-- Returns what is known of the member `name` of an object; nil if anything is allowed in it.
local function field_of(api, kind, is_map, name, seen)
  if is_map or not kind then
    if seen[name] then
      refuse("The member " .. shown(name) .. " occurs twice.")
    end
    seen[name] = true
    return kind, false
  end
  local field = api.types[kind][name]
  if not field then
    refuse(kind .. " has no field " .. shown(name) .. ".")
  end
  if seen[field[1]] then
    refuse("The field " .. shown(name) .. " occurs twice.")
  end
  seen[field[1]] = true
  return field[2], field[3]
end

local function check_members(text, position, api, kind, is_map, depth)
  local seen = {}
  while true do
    position = skip_space(text, position)
    if byte(text, position) ~= 34 then
      no_json(position)
    end
    local after, has_escape = skip_string(text, position)
    local name = sub(text, position + 1, after - 2)
    if has_escape and not is_map and kind then
      refuse("Write field names without escapes.")
    end
    local member_kind, member_is_map = field_of(api, kind, is_map, name, seen)
    position = skip_space(text, after)
    if byte(text, position) ~= 58 then
      no_json(position)
    end
    position = skip_space(text, check_value(text, position + 1, api, member_kind, member_is_map, depth))
    local found = byte(text, position)
    if found == 125 then
      return position + 1
    elseif found ~= 44 then
      no_json(position)
    end
    position = position + 1
  end
end

local function check_elements(text, position, api, kind, depth)
  while true do
    position = skip_space(text, check_value(text, position, api, kind, false, depth))
    local found = byte(text, position)
    if found == 93 then
      return position + 1
    elseif found ~= 44 then
      no_json(position)
    end
    position = position + 1
  end
end

-- Returns the position after a value. `kind` is the type of its message; nil if the protos do not define its content.
check_value = function(text, position, api, kind, is_map, depth)
  if depth > MAX_DEPTH then
    refuse("The body is nested deeper than " .. MAX_DEPTH .. " levels.")
  end
  values_seen = values_seen + 1
  if values_seen > MAX_VALUES then
    refuse("The body contains more than " .. MAX_VALUES .. " values.")
  end
  position = skip_space(text, position)
  local found = byte(text, position)
  if found == 123 then
    local inside = skip_space(text, position + 1)
    if byte(text, inside) == 125 then
      return inside + 1
    end
    return check_members(text, inside, api, kind, is_map, depth + 1)
  elseif found == 91 then
    local inside = skip_space(text, position + 1)
    if byte(text, inside) == 93 then
      return inside + 1
    end
    return check_elements(text, inside, api, kind, depth + 1)
  elseif found == 34 then
    return (skip_string(text, position))
  end
  return skip_scalar(text, position)
end

local function check_body(text, api, kind)
  values_seen = 0
  local position = skip_space(text, 1)
  if byte(text, position) ~= 123 then
    refuse("The body must be one JSON object.")
  end
  position = skip_space(text, check_value(text, position, api, kind, false, 0))
  if position <= #text then
    no_json(position)
  end
end

-- Returns the type of the body of a call; nil if the call has no body.
local function body_type(headers, api)
  local method, path = headers:get(":method"), match(headers:get(":path") or "", "^[^?]*")
  for _, route in ipairs(api.routes) do
    if route[1] == method and find(path, route[2]) then
      return route[3]
    end
  end
end

local function unescaped(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(code)
    return string.char(tonumber(code, 16))
  end))
end

-- Returns the first query parameter that names a field of a path; nil if there is none.
local function path_field_in_query(headers, api)
  local query = match(headers:get(":path") or "", "%?(.*)$")
  for name in (query or ""):gmatch("[^&]+") do
    name = unescaped(match(name, "^[^=]*"))
    if api.in_path[name] then
      return name
    end
  end
end

local function respond(handle, refusal)
  handle:respond({ [":status"] = "400", ["content-type"] = "text/plain" }, refusal)
end

return function(handle, api)
  local field = path_field_in_query(handle:headers(), api)
  if field then
    respond(handle, "The path names the resource. Remove the query parameter " .. field .. ".")
    return
  end
  local kind = body_type(handle:headers(), api)
  local body = kind and handle:body()
  if not body or body:length() == 0 then
    return
  end
  local passed, fault = pcall(check_body, body:getBytes(0, body:length()), api, kind)
  if not passed then
    local refusal = type(fault) == "table" and fault.refusal or "The body cannot be read."
    respond(handle, refusal)
  end
end
