-- Changes what must change in a model call, byte-preserving, and refuses bodies that two JSON readers could read differently.
--
-- Request: the value of the top-level `model`, `stream_options.include_usage`, and the path. Everything else stays as sent.
-- Response: copies the provider's usage out of a JSON document, and removes the usage chunk from the stream of a caller
-- who did not ask for one. Usage of streams is read by another filter, which sees them first.
--
-- The upper part is pure and tested outside Envoy. The lower part, from "Envoy" on, connects it to the proxy.

local byte, find, sub, format = string.byte, string.find, string.sub, string.format
local lower, upper = string.lower, string.upper
local concat = table.concat

local QUOTE, BACKSLASH, COMMA, COLON = 34, 92, 44, 58
local OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET = 123, 125, 91, 93
local TAB, LINE_FEED, CARRIAGE_RETURN, SPACE = 9, 10, 13, 32

-- As deep as Envoy's own JSON reader goes; the bound keeps the stack of open brackets small.
local DEPTH_MAX = 1000
-- A response that is longer than this is passed on without being read for usage.
local READ_BYTES_MAX = 134217728
-- A usage chunk has some hundred bytes. A line that is longer than this is not one and is not held back.
local HELD_BYTES_MAX = 16384

---------------------------------------------------------------------------------------------------------------------
-- Reading JSON: positions of members, nothing else. Every function takes the text and an index, and returns the index
-- after what it read, or nil where the text is not JSON. All are linear and none is recursive.

local function skip_space(text, index)
  local character = byte(text, index)
  while character == SPACE or character == LINE_FEED or character == CARRIAGE_RETURN or character == TAB do
    index = index + 1
    character = byte(text, index)
  end
  return index
end

-- A quote ends the string unless an odd number of backslashes stands before it. Each backslash is looked at once more
-- at most, because the runs before two quotes cannot overlap.
local function skip_string(text, index)
  local from = index + 1
  while true do
    local quote = find(text, '"', from, true)
    if not quote then
      return nil
    end
    local before = quote - 1
    while byte(text, before) == BACKSLASH do
      before = before - 1
    end
    if (quote - 1 - before) % 2 == 0 then
      return quote + 1
    end
    from = quote + 1
  end
end

-- Goes from one quote or bracket to the next: what stands between them does not matter here.
local function skip_nested(text, index)
  local closers = {}
  local depth = 0
  repeat
    index = find(text, '["%[%]{}]', index)
    local character = index and byte(text, index)
    if character == QUOTE then
      index = skip_string(text, index)
      if not index then
        return nil
      end
    else
      if character == OPEN_BRACE or character == OPEN_BRACKET then
        depth = depth + 1
        if depth > DEPTH_MAX then
          return nil, "body_too_deep"
        end
        closers[depth] = character + 2
      elseif not character or closers[depth] ~= character then
        return nil
      else
        depth = depth - 1
      end
      index = index + 1
    end
  until depth == 0
  return index
end

local function skip_value(text, index)
  local character = byte(text, index)
  if character == QUOTE then
    return skip_string(text, index)
  elseif character == OPEN_BRACE or character == OPEN_BRACKET then
    return skip_nested(text, index)
  end
  local _, last = find(text, "^[%w+.-]+", index)
  return last and last + 1
end

-- Reads the object that opens at `index` and calls `visit(key, first, last)` for each member, `first` and `last` being
-- the bounds of its value. What `visit` returns other than nil ends the reading and is returned as the second result.
local function read_object(text, index, visit)
  index = skip_space(text, index + 1)
  if byte(text, index) == CLOSE_BRACE then
    return index + 1
  end
  while true do
    if byte(text, index) ~= QUOTE then
      return nil
    end
    local key_end = skip_string(text, index)
    if not key_end then
      return nil
    end
    local key = sub(text, index + 1, key_end - 2)
    index = skip_space(text, key_end)
    if byte(text, index) ~= COLON then
      return nil
    end
    local first = skip_space(text, index + 1)
    local problem
    index, problem = skip_value(text, first)
    if not index then
      return nil, problem
    end
    problem = visit(key, first, index - 1)
    if problem then
      return nil, problem
    end
    index = skip_space(text, index)
    local separator = byte(text, index)
    if separator == CLOSE_BRACE then
      return index + 1
    elseif separator ~= COMMA then
      return nil
    end
    index = skip_space(text, index + 1)
  end
end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
for code = 0, 31 do
  local character = string.char(code)
  ESCAPES[character] = ESCAPES[character] or format("\\u%04x", code)
end

local function quote_json(text)
  if find(text, '[%z\1-\31"\\]') then
    text = text:gsub('[%z\1-\31"\\]', ESCAPES)
  end
  return '"' .. text .. '"'
end

---------------------------------------------------------------------------------------------------------------------
-- What a body may not do: name a key that matters here in two ways. Two readers could then see two values, one of them
-- being the gateway, the other the provider. Escapes and letter case count, because some readers fold them.

-- Builds the lookup of one object's watched keys. Spellings in one inner list are the same key to some provider.
local function watch(groups)
  local group_of, folded = {}, {}
  for _, spellings in ipairs(groups) do
    for _, spelling in ipairs(spellings) do
      group_of[spelling] = spellings[1]
      folded[lower(spelling)] = true
    end
  end
  return { group_of = group_of, folded = folded }
end

local BODY_KEYS = watch({
  { "model" },
  { "stream" },
  { "background" },
  { "stream_options" },
  { "max_tokens" },
  { "max_completion_tokens" },
  { "max_output_tokens" },
  { "n" },
  { "best_of" },
  { "candidate_count" },
  { "service_tier" },
  { "generationConfig", "generation_config" },
})
local OPTION_KEYS = watch({ { "include_usage" } })
local GENERATION_KEYS =
  watch({ { "maxOutputTokens", "max_output_tokens" }, { "candidateCount", "candidate_count" } })
local NESTED_KEYS = { stream_options = OPTION_KEYS, generationConfig = GENERATION_KEYS }

-- Reads one object and returns { key = { first, last } } for its watched keys, and the index after the object.
-- Returns nil and an error code where it may not be read.
local function watched_members(text, index, watched)
  local members = {}
  local after, problem = read_object(text, index, function(key, first, last)
    if find(key, "\\", 1, true) then
      return "escaped_key"
    end
    local group = watched.group_of[key]
    if not group then
      return watched.folded[lower(key)] and "misspelled_key" or nil
    end
    if members[group] then
      return "repeated_key"
    end
    local opening = byte(text, first)
    if (opening == OPEN_BRACE or opening == OPEN_BRACKET) and not NESTED_KEYS[group] then
      return "nested_value" -- json_to_metadata copies plain values only, so the decision did not see this one
    end
    members[group] = { first, last }
  end)
  if not after then
    return nil, problem or "malformed_body"
  end
  return members, after
end

-- The watched members of a whole body, and those of its watched objects, or nil and an error code.
local function read_body(body)
  local index = skip_space(body, 1)
  if byte(body, index) ~= OPEN_BRACE then
    return nil, "body_not_object"
  end
  local members, after = watched_members(body, index, BODY_KEYS)
  if not members then
    return nil, after
  end
  if skip_space(body, after) <= #body then
    return nil, "malformed_body"
  end
  local nested = {}
  for key, watched in pairs(NESTED_KEYS) do
    local span = members[key]
    if span and byte(body, span[1]) == OPEN_BRACE then
      local inner, problem = watched_members(body, span[1], watched)
      if not inner then
        return nil, problem
      end
      nested[key] = inner
    end
  end
  return { opens_at = index, members = members, nested = nested }
end

---------------------------------------------------------------------------------------------------------------------
-- Changing a body: a list of edits, each replacing the bytes from `first` to `last`. An insertion has last = first - 1.

local function apply(body, edits)
  table.sort(edits, function(a, b)
    return a.first < b.first
  end)
  local parts, position = {}, 1
  for _, edit in ipairs(edits) do
    parts[#parts + 1] = sub(body, position, edit.first - 1)
    parts[#parts + 1] = edit.text
    position = edit.last + 1
  end
  parts[#parts + 1] = sub(body, position)
  return concat(parts)
end

-- An edit that makes `member` the first of the object that opens at `opens_at`.
local function insertion(body, opens_at, member)
  local is_empty = byte(body, skip_space(body, opens_at + 1)) == CLOSE_BRACE
  return { first = opens_at + 1, last = opens_at, text = is_empty and member or member .. "," }
end

local function replacement(span, text)
  return { first = span[1], last = span[2], text = text }
end

-- The edit that makes the provider report usage, or nil where the caller asked for it already.
-- A second result is an error code.
local function usage_edit(body, document)
  local span = document.members.stream_options
  if not span then
    return insertion(body, document.opens_at, '"stream_options":{"include_usage":true}')
  end
  local options = document.nested.stream_options
  if not options then
    if sub(body, span[1], span[2]) == "null" then
      return replacement(span, '{"include_usage":true}')
    end
    return nil, "invalid_stream_options"
  end
  local include = options.include_usage
  if not include then
    return insertion(body, span[1], '"include_usage":true')
  end
  local value = sub(body, include[1], include[2])
  if value == "true" then
    return nil
  elseif value == "false" or value == "null" then
    return replacement(include, "true")
  end
  return nil, "invalid_stream_options"
end

local MESSAGES = {
  body_not_object = "The request body must be one JSON object.",
  body_too_deep = format("The request body nests deeper than %d levels. Send a flatter one.", DEPTH_MAX),
  escaped_key = "The request body has a key written with a backslash escape. Write its characters plainly.",
  invalid_model = "`model` must be a string.",
  invalid_stream_options = "`stream_options` must be an object, and its `include_usage` true or false.",
  malformed_body = "The request body is not valid JSON. Check its brackets, quotes and commas, and that nothing follows it.",
  misspelled_key = "The request body has a key that differs only in letter case from one that counts. Use the documented spelling.",
  nested_value = "A parameter that decides the price is an object or an array. Send it as a plain value.",
  repeated_key = "The request body names the same key twice. Send each key once.",
  unsupported_encoding = "The request body is compressed. Send it without content-encoding.",
}

local function refuse(code)
  return nil, code, MESSAGES[code]
end

-- Returns the new body and whether usage was asked for without the caller's wish, or nil, an error code and a message.
-- `options.served_model` replaces the model where given; `options.inject_include_usage` asks for usage.
local function rewrite(body, options)
  local document, problem = read_body(body)
  if not document then
    return refuse(problem)
  end
  local edits = {}
  if options.served_model then
    local span = document.members.model
    if not span or byte(body, span[1]) ~= QUOTE then
      return refuse("invalid_model")
    end
    edits[1] = replacement(span, quote_json(options.served_model))
  end
  local is_injected = false
  if options.inject_include_usage then
    local edit, edit_problem = usage_edit(body, document)
    if edit_problem then
      return refuse(edit_problem)
    end
    is_injected = edit ~= nil
    edits[#edits + 1] = edit
  end
  if #edits == 0 then
    return body, false
  end
  return apply(body, edits), is_injected
end

---------------------------------------------------------------------------------------------------------------------
-- Reading usage out of a response that is one JSON document.

-- Where providers put what settlement needs: name, then paths, of which the last that is present wins.
-- Errors are read apart.
local USAGE_PATHS = {
  { "usage", { "usage" } },
  { "start_usage", { "message", "usage" } },
  { "response_usage", { "response", "usage" } },
  { "usage_metadata", { "usageMetadata" } },
  { "model", { "model" }, { "response", "model" }, { "message", "model" }, { "modelVersion" } },
  { "service_tier", { "service_tier" }, { "response", "service_tier" } },
  { "response_id", { "id" }, { "response", "id" }, { "message", "id" }, { "responseId" } },
}

-- The same one by one.
local PLACES = {}
for _, entry in ipairs(USAGE_PATHS) do
  for i = 2, #entry do
    PLACES[#PLACES + 1] = { name = entry[1], outer = entry[i][1], inner = entry[i][2] }
  end
end

-- The same as sets of keys: those of the document, and those inside of two of its members.
local NOTHING = {}
local WANTED_ON_TOP = { message = true, response = true, error = true }
local WANTED_INSIDE = { message = {}, response = { error = true } }
for _, entry in ipairs(USAGE_PATHS) do
  for i = 2, #entry do
    local outer, inner = entry[i][1], entry[i][2]
    if inner then
      WANTED_INSIDE[outer][inner] = true
    else
      WANTED_ON_TOP[outer] = true
    end
  end
end

-- The bounds of those members of the object at `index` that `wanted` names. Of a repeated one the last wins. What was
-- seen before a mistake in the text counts: the provider said it.
local function spans_of(text, index, wanted)
  local spans = {}
  read_object(text, index, function(key, first, last)
    if wanted[key] then
      spans[key] = { first, last }
    end
  end)
  return spans
end

-- Strings without their quotes, objects and arrays as their exact text; nil for anything else, null among them.
local function text_of(json, span)
  if not span then
    return nil
  end
  local first = byte(json, span[1])
  if first == QUOTE then
    local text = sub(json, span[1] + 1, span[2] - 1)
    return find(text, "\\", 1, true) and text:gsub('\\(["\\/])', "%1") or text
  elseif first == OPEN_BRACE or first == OPEN_BRACKET then
    return sub(json, span[1], span[2])
  end
end

local ERROR_KEYS = { type = true, code = true, status = true }
local ERROR_TEXT_BYTES_MAX = 200

-- Of an error only what names its kind: a message may quote the caller. `prefix.present` stands for one without a kind.
local function add_error(facts, prefix, json, span)
  local first = span and byte(json, span[1])
  if first == QUOTE then
    facts[prefix] = sub(text_of(json, span), 1, ERROR_TEXT_BYTES_MAX)
  elseif first == OPEN_BRACE then
    local is_named = false
    for key, inner in pairs(spans_of(json, span[1], ERROR_KEYS)) do
      local value = text_of(json, inner) or tonumber(sub(json, inner[1], inner[2]))
      if value then
        facts[prefix .. "." .. key] = type(value) == "string" and sub(value, 1, ERROR_TEXT_BYTES_MAX) or value
        is_named = true
      end
    end
    if not is_named then
      facts[prefix .. ".present"] = true
    end
  end
end

-- Returns a table of what settlement needs from the document `json`: strings, and numbers for codes of errors.
local function usage_facts(json)
  local index = skip_space(json, 1)
  if byte(json, index) ~= OPEN_BRACE then
    return {}
  end
  local top = spans_of(json, index, WANTED_ON_TOP)
  local inside = { message = NOTHING, response = NOTHING }
  for outer, wanted in pairs(WANTED_INSIDE) do
    local span = top[outer]
    if span and byte(json, span[1]) == OPEN_BRACE then
      inside[outer] = spans_of(json, span[1], wanted)
    end
  end
  local facts = {}
  for i = 1, #PLACES do
    local place = PLACES[i]
    local span = top[place.outer]
    if span and place.inner then
      span = inside[place.outer][place.inner]
    end
    if span then
      facts[place.name] = text_of(json, span) or facts[place.name]
    end
  end
  add_error(facts, "error", json, top.error)
  add_error(facts, "response_error", json, inside.response.error)
  return facts
end

-- Facts as JSON on one line, as Envoy's logs carry them; nil for none. Envoy would write a table ten times as slowly.
local function written_facts(facts)
  local members = {}
  for key, value in pairs(facts) do
    local text = type(value) == "string" and quote_json(value) or tostring(value)
    members[#members + 1] = quote_json(key) .. ":" .. text
  end
  return #members > 0 and "{" .. concat(members, ",") .. "}" or nil
end

---------------------------------------------------------------------------------------------------------------------
-- Hiding the usage chunk: an event of one `data:` line whose JSON has empty `choices` and an object as `usage`.

local function is_usage_only(json)
  if not find(json, '"choices"%s*:%s*%[%s*%]') then
    return false
  end
  local has_no_choices, has_usage = false, false
  local after = read_object(json, 1, function(key, first, last)
    if key == "choices" then
      has_no_choices = find(sub(json, first, last), "^%[%s*%]$") ~= nil
    elseif key == "usage" then
      has_usage = byte(json, first) == OPEN_BRACE
    end
  end)
  return after ~= nil and has_no_choices and has_usage
end

local function is_line_end(character)
  return character == LINE_FEED or character == CARRIAGE_RETURN
end

-- `line` has no terminator. The whole line must be one object: `data: {...}`, and white space.
local function is_usage_line(line)
  local _, opens_at = find(line, "^data:[ \t]*{")
  if not opens_at then
    return false
  end
  local last = #line
  while byte(line, last) == SPACE or byte(line, last) == TAB do
    last = last - 1
  end
  return byte(line, last) == CLOSE_BRACE and is_usage_only(sub(line, opens_at, last))
end

-- Whether a line that has not ended yet may become a usage line. A complete other object is let go at once, so that a
-- stream which ends without a line end loses nothing.
local function may_become_usage_line(line)
  if #line > HELD_BYTES_MAX then
    return false
  elseif #line <= 5 then
    return sub("data:", 1, #line) == line
  elseif find(line, "^data:[ \t]*$") then
    return true
  end
  local _, opens_at = find(line, "^data:[ \t]*{")
  if not opens_at then
    return false
  end
  return byte(line, #line) ~= CLOSE_BRACE
    or not read_object(line, opens_at, function() end)
    or is_usage_line(line)
end

local UsageFilter = {}
UsageFilter.__index = UsageFilter

-- A filter for one stream.
local function new_usage_filter()
  return setmetatable({
    held = "", -- a line that is not shown yet: it is incomplete, or what follows it decides
    in_line = false, -- in the middle of a line that is shown already
    lines = 0, -- lines of the current event that were shown
    after_return = nil, -- "show" or "drop" when a carriage return came last: what to do with its line feed
  }, UsageFilter)
end

-- The index after the line end at `index`, which is one of CR LF, LF and CR.
function UsageFilter:skip_line_end(text, index, action)
  if byte(text, index) == CARRIAGE_RETURN then
    if index == #text then
      self.after_return = action
    elseif byte(text, index + 1) == LINE_FEED then
      return index + 2
    end
  end
  return index + 1
end

-- Looks at the line from `index` to before `stop`, its terminator. Returns the index to go on at, and whether the bytes
-- before that are dropped; nil where the next byte is needed to decide.
function UsageFilter:judge_line(text, index, stop)
  if not is_usage_line(sub(text, index, stop - 1)) then
    self.lines = self.lines + 1
    return self:skip_line_end(text, stop, "show"), false
  end
  local is_return_last = byte(text, stop) == CARRIAGE_RETURN and stop == #text
  local next_line = is_return_last and stop + 1 or self:skip_line_end(text, stop, "show")
  if next_line > #text then
    return nil
  elseif not is_line_end(byte(text, next_line)) then
    self.lines = self.lines + 1 -- the event has more lines, so this is not the chunk we know
    return next_line, false
  elseif self.lines > 0 then
    return next_line, true -- the blank line stays: it ends what was shown of the event
  end
  return self:skip_line_end(text, next_line, "drop"), true
end

-- Takes the next bytes of the stream and returns what the client may see of it by now.
function UsageFilter:push(bytes)
  local text, out = self.held .. bytes, {}
  local length = #text
  local shown_from, index = 1, 1 -- everything before `index` is decided; from `shown_from` on it is to be shown
  if self.after_return and length > 0 then
    if byte(text, 1) == LINE_FEED then
      index = 2
      shown_from = self.after_return == "drop" and 2 or 1
    end
    self.after_return = nil
  end
  local held_from = length + 1
  while index <= length do
    local stop = find(text, "[\r\n]", index)
    if self.in_line then
      index = stop and self:skip_line_end(text, stop, "show") or length + 1
      self.in_line = not stop
      self.lines = stop and self.lines + 1 or self.lines
    elseif stop == index then
      self.lines = 0
      index = self:skip_line_end(text, stop, "show")
    elseif stop then
      local next_index, is_dropped = self:judge_line(text, index, stop)
      if not next_index then
        held_from = index
        break
      elseif is_dropped then
        out[#out + 1] = sub(text, shown_from, index - 1)
        shown_from = next_index
      end
      index = next_index
    elseif may_become_usage_line(sub(text, index)) then
      held_from = index
      break
    else
      self.in_line = true
      index = length + 1
    end
  end
  out[#out + 1] = sub(text, shown_from, held_from - 1)
  self.held = sub(text, held_from)
  return concat(out)
end

---------------------------------------------------------------------------------------------------------------------
-- Errors in the dialect of the path that was called.

local function starts_path(path, prefix)
  local after = byte(path, #prefix + 1)
  return sub(path, 1, #prefix) == prefix and (after == nil or after == 47 or after == 63)
end

local function dialect_of(path)
  if starts_path(path, "/v1/messages") then
    return "anthropic"
  elseif starts_path(path, "/v1beta") or find(path, "^/v1/models/[^?]*:") then
    return "gemini"
  end
  return "openai"
end

local function error_body(dialect, status, code, message)
  local is_ours = status >= 500
  local text = quote_json(message)
  if dialect == "anthropic" then
    local kind = is_ours and "api_error" or "invalid_request_error"
    return format('{"type":"error","error":{"type":"%s","message":%s,"code":"%s"}}', kind, text, code)
  elseif dialect == "gemini" then
    local kind = is_ours and "INTERNAL" or "INVALID_ARGUMENT"
    local detail = '{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"%s","domain":"megarouter"}'
    local information = format(detail, upper(code))
    return format('{"error":{"code":%d,"message":%s,"status":"%s","details":[%s]}}', status, text, kind, information)
  end
  local kind = is_ours and "api_error" or "invalid_request_error"
  return format('{"error":{"message":%s,"type":"%s","param":null,"code":"%s"}}', text, kind, code)
end

---------------------------------------------------------------------------------------------------------------------
-- Envoy

local AUTHZ_NAMESPACE = "envoy.filters.http.ext_authz"
local OWN_NAMESPACE = "megarouter.rewriter"
local PROVIDER_MARK = "x-megarouter-provider-answer"

local function refusal(status, code, message)
  return { status = status, code = code, message = message }
end

-- Waiting for the body invalidates objects taken from the handle earlier, so nothing is kept across `handle:body()`.
local function rewrite_body(handle, options)
  local body = handle:body()
  if not body then
    local needs_body = options.served_model or options.inject_include_usage
    return needs_body and refusal(400, "body_not_object", MESSAGES.body_not_object) or nil
  end
  local bytes = body:getBytes(0, body:length())
  local new_bytes, is_injected, message = rewrite(bytes, options)
  if not new_bytes then
    return refusal(400, is_injected, message)
  end
  if new_bytes ~= bytes then
    handle:headers():replace("content-length", tostring(body:setBytes(new_bytes)))
  end
  if is_injected then
    handle:streamInfo():dynamicMetadata():set(OWN_NAMESPACE, "hides_usage", true)
  end
end

-- Returns nil where the call may go on, else a refusal.
local function rewrite_request(handle)
  local decision = handle:streamInfo():dynamicMetadata():get(AUTHZ_NAMESPACE)
  if not decision then
    error("authz_service decided nothing")
  end
  local encoding = handle:headers():get("content-encoding")
  if encoding and lower(encoding) ~= "identity" then
    return refusal(400, "unsupported_encoding", MESSAGES.unsupported_encoding)
  end
  local problem = rewrite_body(handle, decision)
  if problem then
    return problem
  end
  local headers = handle:headers()
  local dialect = dialect_of(headers:get(":path"))
  headers:replace(":path", decision.upstream_path)
  handle:streamInfo():dynamicMetadata():set(OWN_NAMESPACE, "dialect", dialect)
end

local function respond(handle, problem)
  local dialect = dialect_of(handle:headers():get(":path") or "")
  handle:streamInfo():dynamicMetadata():set(OWN_NAMESPACE, "answered", true)
  local headers = { [":status"] = tostring(problem.status), ["content-type"] = "application/json" }
  if problem.status < 500 then
    headers["x-should-retry"] = "false"
  end
  handle:respond(headers, error_body(dialect, problem.status, problem.code, problem.message))
end

-- Envoy lets a call pass whose script failed. Ours may not: the filter after this one refuses every call without a
-- `dialect`, which is written last, and an error caught here is answered like any refusal.
function envoy_on_request(handle)
  local is_done, problem = pcall(rewrite_request, handle)
  if not is_done then
    handle:logErr("rewriter: " .. tostring(problem))
    problem = refusal(500, "gateway_error", "The gateway could not process this call. Retry in a few seconds.")
  end
  if problem then
    respond(handle, problem)
  end
end

-- Passes every chunk on as it comes and reads the whole when the last one has passed.
local function record_usage(handle)
  local parts, length = {}, 0
  for chunk in handle:bodyChunks() do
    length = length + chunk:length()
    if length > READ_BYTES_MAX then
      parts = {}
    else
      parts[#parts + 1] = chunk:getBytes(0, chunk:length())
    end
  end
  if length > READ_BYTES_MAX then
    handle:logWarn("rewriter: a response is too long to be read for usage")
    return
  end
  local usage = written_facts(usage_facts(concat(parts)))
  if usage then
    handle:streamInfo():dynamicMetadata():set(OWN_NAMESPACE, "usage", usage)
  end
end

-- Whatever fails here, the client keeps the stream, at worst with the usage chunk in it.
local function hide_usage(handle)
  handle:headers():remove("content-length")
  local filter = new_usage_filter()
  for chunk in handle:bodyChunks() do
    local length = chunk:length()
    if filter and length > 0 then
      local bytes = chunk:getBytes(0, length)
      local is_done, shown = pcall(filter.push, filter, bytes)
      if not is_done then
        handle:logErr("rewriter: " .. tostring(shown))
        shown, filter = filter.held .. bytes, nil
      end
      if shown ~= bytes then
        chunk:setBytes(shown)
      end
    end
  end
end

-- Answers of Envoy itself and of the services lack the mark of a provider's answer.
function envoy_on_response(handle)
  local headers = handle:headers()
  if not headers:get(PROVIDER_MARK) then
    return
  end
  headers:remove(PROVIDER_MARK)
  local content_type = lower(headers:get("content-type") or "")
  local own = handle:streamInfo():dynamicMetadata():get(OWN_NAMESPACE)
  if find(content_type, "^application/json") then
    record_usage(handle)
  elseif own and own.hides_usage and find(content_type, "^text/event%-stream") then
    hide_usage(handle)
  end
end

return {
  dialect_of = dialect_of,
  error_body = error_body,
  new_usage_filter = new_usage_filter,
  rewrite = rewrite,
  usage_facts = usage_facts,
  written_facts = written_facts,
  USAGE_PATHS = USAGE_PATHS,
}
