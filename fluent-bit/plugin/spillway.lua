-- What only the edge knows of a runner's log line: which runner, pod, node and scale set it comes from, and which page. With
-- SPILLWAY_MASK=on secrets are masked here, so that they never leave the machine.
--
-- For Fluent Bit's filter "lua" with "call: spillway" and "protected_mode: on", in any Fluent Bit and before any of its outputs. A
-- record is a map with the path in "file" and the line in "log", as the input "tail" makes it with "path_key: file". Everything that
-- is set comes from the environment; what is empty is left out:
--
--   SPILLWAY_RUNNER_NAME  SPILLWAY_POD_NAME  SPILLWAY_NODE_NAME  SPILLWAY_NAMESPACE  SPILLWAY_SCALE_SET  SPILLWAY_HOST_NAME
--   SPILLWAY_MASK            on: masks tokens, private keys and the literals of the next two
--   SPILLWAY_MASK_FILE       a file with one literal a line
--   SPILLWAY_MASK_VARIABLES  names of environment variables whose values are literals, divided by commas
--
-- A line's bytes are changed by masking only. Fluent Bit passes a record on as it was where this script fails.

local find, sub, gmatch, match = string.find, string.sub, string.gmatch, string.match
local concat, sort = table.concat, table.sort

local FILES_MAX = 4096 -- remembered files; then all are forgotten, and learned again
local LITERAL_BYTES_MIN = 6 -- shorter ones would mask ordinary words
local LITERALS_MAX = 1000
local JWT_BYTES_MIN = 40
local KEY_LINES_MAX = 200 -- a private key whose end does not come by then is none
local MASK = '***' -- what the runner itself writes

local function setting(name)
  local value = os.getenv(name)
  if value == nil or value == '' then return nil end
  return value
end

local function warn(text)
  io.stderr:write('[spillway.lua] ' .. text .. '\n')
end

------------------------------------------------------------------------------------------------------------- identity

local host_name = setting('SPILLWAY_HOST_NAME') or setting('SPILLWAY_NODE_NAME')
local host = host_name and { name = host_name } or nil

local runner = {
  name = setting('SPILLWAY_RUNNER_NAME') or setting('SPILLWAY_POD_NAME'),
  pod = setting('SPILLWAY_POD_NAME'),
  node = setting('SPILLWAY_NODE_NAME'),
  namespace = setting('SPILLWAY_NAMESPACE'),
  scale_set = setting('SPILLWAY_SCALE_SET'),
}
if next(runner) == nil then runner = nil end

-- Path -> { github = what its records get, key_lines = lines of a private key that may still come }.
local files, files_count = {}, 0

local guid = ('%x'):rep(8) .. ('%-' .. ('%x'):rep(4)):rep(3) .. '%-' .. ('%x'):rep(12)
local page_name = '^(' .. guid .. ')_(' .. guid .. ')_([1-9]%d*)%.log$'

local function page_of(path)
  local timeline, record, number = match(match(path, '[^/\\]*$'), page_name)
  if timeline == nil or #number > 9 then return nil end
  return { timeline = timeline:lower(), record = record:lower(), number = tonumber(number) }
end

local function file_of(path)
  local file = files[path]
  if file ~= nil then return file end
  if files_count >= FILES_MAX then files, files_count = {}, 0 end
  local page = page_of(path)
  file = {
    github = (runner or page) and { runner = runner, page = page } or nil,
    page = page,
    is_runners = page ~= nil or find(path, 'Worker_%d+%-%d+%-utc%.log$') ~= nil,
    -- Where the keeper puts last lines that no line end follows.
    is_unended = page ~= nil and find(path, '[/\\]unended[/\\][^/\\]+$') ~= nil,
    key_lines = 0,
  }
  files[path] = file
  files_count = files_count + 1
  return file
end

-------------------------------------------------------------------------------------------------------------- masking

-- A token is its prefix, in plain text, and after it so many characters of a class. Found by the plain prefix first, which costs next
-- to nothing where there is none; the class is then matched once from there, so that no line takes more than linear time.
local tokens = {
  -- GitHub: personal, OAuth, user-to-server, server-to-server, refresh; fine-grained
  { 'ghp_', '[%w_]', 36 }, { 'gho_', '[%w_]', 36 }, { 'ghu_', '[%w_]', 36 }, { 'ghs_', '[%w_.%-]', 36 },
  { 'ghr_', '[%w_]', 36 }, { 'github_pat_', '[%w_]', 22 },
  -- Amazon
  { 'AKIA', '[%u%d]', 16 }, { 'ASIA', '[%u%d]', 16 },
  { 'aws_secret_access_key', '[%w/+=]', 40, '^["\']?%s*[=:]%s*["\']?' },
  { 'AWS_SECRET_ACCESS_KEY', '[%w/+=]', 40, '^["\']?%s*[=:]%s*["\']?' },
  -- Google
  { 'AIza', '[%w_%-]', 35 }, { 'ya29.', '[%w_%-]', 20 }, { 'GOCSPX-', '[%w_%-]', 28 },
  -- Azure
  { 'AccountKey=', '[%w/+=]', 40 }, { 'SharedAccessKey=', '[%w/+=]', 40 }, { 'sig=', '[%w%%/+=]', 43 },
  -- GitLab, Slack, npm, PyPI, Docker, Vault, Stripe
  { 'glpat-', '[%w_%-]', 20 }, { 'xoxb-', '[%w%-]', 20 }, { 'xoxp-', '[%w%-]', 20 }, { 'npm_', '%w', 36 },
  { 'pypi-AgEI', '[%w_%-]', 50 }, { 'dckr_pat_', '[%w_%-]', 20 }, { 'hvs.', '[%w_%-]', 24 },
  { 'sk_live_', '%w', 16 }, { 'rk_live_', '%w', 16 },
}
for _, token in ipairs(tokens) do
  token.prefix, token.least, token.between = token[1], token[3], token[4]
  token.pattern = '^' .. token[2] .. '+'
  -- What is kept of a setting is its name.
  token.keeps_prefix = find(token.prefix, '=$') ~= nil or token.between ~= nil
end

local literals = {}

local function add_literal(text)
  if #text < LITERAL_BYTES_MIN then
    if #text > 0 then warn('a literal shorter than ' .. LITERAL_BYTES_MIN .. ' bytes is not masked') end
  elseif #literals < LITERALS_MAX then
    literals[#literals + 1] = text
  else
    warn('more than ' .. LITERALS_MAX .. ' literals; the rest is not masked')
  end
end

local masking = setting('SPILLWAY_MASK') == 'on'
if masking then
  for name in gmatch(setting('SPILLWAY_MASK_VARIABLES') or '', '[^,%s]+') do
    -- Of several lines each is a literal: a record is one line.
    for line in gmatch(setting(name) or '', '[^\r\n]+') do add_literal(line) end
  end
  local path = setting('SPILLWAY_MASK_FILE')
  if path ~= nil then
    local file = assert(io.open(path, 'rb'), 'SPILLWAY_MASK_FILE cannot be read')
    for line in file:lines() do add_literal((line:gsub('\r$', ''))) end
    file:close()
  end
end

local function add_span(spans, from, to)
  spans = spans or {}
  spans[#spans + 1] = { from, to }
  return spans
end

local function find_token(line, token, spans)
  local at = 1
  while true do
    local from, prefix_end = find(line, token.prefix, at, true)
    if from == nil then return spans end
    local body = prefix_end + 1
    if token.between ~= nil then
      local _, between_end = find(line, token.between, body)
      body = between_end and between_end + 1
    end
    local _, to
    if body ~= nil then _, to = find(line, token.pattern, body) end
    if to ~= nil and to - body + 1 >= token.least then
      spans = add_span(spans, token.keeps_prefix and body or from, to)
    end
    -- What is too short as a whole is too short from any later place in it.
    at = (to or prefix_end) + 1
  end
end

-- A JWT: a JSON object in base64url, twice, and a signature. Each stretch of such letters is looked at once.
local function find_jwt(line, spans)
  local at = 1
  while true do
    local from = find(line, 'eyJ', at, true)
    if from == nil then return spans end
    local _, header_end = find(line, '^[%w_%-]+', from)
    local _, payload_end = find(line, '^%.eyJ[%w_%-]+', header_end + 1)
    local _, to = nil, nil
    if payload_end ~= nil then _, to = find(line, '^%.[%w_%-]*', payload_end + 1) end
    if to ~= nil and to - from >= JWT_BYTES_MIN then spans = add_span(spans, from, to) end
    at = (to or header_end) + 1
  end
end

local function find_literal(line, literal, spans)
  local at = 1
  while true do
    local from, to = find(line, literal, at, true)
    if from == nil then return spans end
    spans = add_span(spans, from, to)
    at = to + 1
  end
end

-- "https://user:password@host": the password. What may stand before the @ has no slash and no blank, so each part is looked at once.
local function find_passwords(line, spans)
  local at = 1
  while true do
    local _, scheme_end = find(line, '://', at, true)
    if scheme_end == nil then return spans end
    local _, user_end = find(line, '^[^%s/@:"\']*:', scheme_end + 1)
    local _, to = nil, nil
    if user_end ~= nil then _, to = find(line, '^[^%s/@"\']+@', user_end + 1) end
    if to ~= nil then spans = add_span(spans, user_end + 1, to - 1) end
    at = (to or scheme_end) + 1
  end
end

-- "Authorization: Bearer ...", in any case of letters.
local function find_authorization(line, spans)
  local at = 1
  while true do
    local _, name_end = find(line, 'uthorization', at, true)
    if name_end == nil then return spans end
    local _, scheme_end = find(line, '^["\']?%s*[:=]%s*["\']?%a+%s+', name_end + 1)
    local _, to = nil, nil
    if scheme_end ~= nil then _, to = find(line, '^[%w_%-.~+/=]+', scheme_end + 1) end
    if to ~= nil and to - scheme_end >= 8 then spans = add_span(spans, scheme_end + 1, to) end
    at = (to or name_end) + 1
  end
end

-- The runner's stamp at a line's begin, and the byte order mark before the first one.
local function text_begin(line)
  local at = sub(line, 1, 3) == '\239\187\191' and 4 or 1
  local _, to = find(line, '^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d+Z ', at)
  return to ~= nil and to + 1 or at
end

-- A private key has many lines, so it is remembered from one to the next.
local function find_private_key(line, file, spans)
  if file.key_lines > 0 then
    local from, to = find(line, '-----END ', 1, true)
    file.key_lines = from ~= nil and 0 or file.key_lines - 1
    if from ~= nil then _, to = find(line, 'KEY-----', to, true) end
    local text = text_begin(line)
    -- What follows an end is not of the key; what has no end is.
    if text <= #line then spans = add_span(spans, text, to or #line) end
    return spans
  end
  local at = 1
  while true do
    local from, to = find(line, '-----BEGIN ', at, true)
    if from == nil then return spans end
    local _, key_to = find(line, '^[%u%d ]*-----', to + 1)
    if key_to ~= nil and find(sub(line, to + 1, key_to), 'PRIVATE KEY', 1, true) ~= nil then
      local _, end_to = find(line, '-----END ', key_to + 1, true)
      if end_to ~= nil then _, end_to = find(line, 'KEY-----', end_to, true) end
      if end_to == nil then file.key_lines = KEY_LINES_MAX end
      spans = add_span(spans, from, end_to or #line)
      if end_to == nil then return spans end
      to = end_to
    end
    at = to + 1
  end
end

local function by_begin(left, right)
  return left[1] < right[1]
end

-- The line with *** for each span; spans that touch become one.
local function replaced(line, spans)
  sort(spans, by_begin)
  local pieces, at = {}, 1
  for index = 1, #spans do
    local from, to = spans[index][1], spans[index][2]
    if from >= at then
      pieces[#pieces + 1] = sub(line, at, from - 1)
      pieces[#pieces + 1] = MASK
    end
    if to + 1 > at then at = to + 1 end
  end
  pieces[#pieces + 1] = sub(line, at)
  return concat(pieces)
end

local function masked(line, file)
  local spans = find_private_key(line, file, nil)
  for index = 1, #tokens do spans = find_token(line, tokens[index], spans) end
  spans = find_jwt(line, spans)
  for index = 1, #literals do spans = find_literal(line, literals[index], spans) end
  spans = find_passwords(line, spans)
  spans = find_authorization(line, spans)
  if spans == nil then return line end
  return replaced(line, spans)
end

--------------------------------------------------------------------------------------------------------------- filter

-- Adds fields to what a record has already; what another filter has put there stays.
local function add(record, name, fields)
  local there = record[name]
  if there == nil then
    record[name] = fields
  elseif type(there) == 'table' then
    for key, value in pairs(fields) do
      if there[key] == nil then there[key] = value end
    end
  end
end

-- 0: the record goes on as it came. 2: it goes on as it is here, with the time that it came with.
function spillway(tag, timestamp, record)
  local path, line = record['file'], record['log']
  if type(path) ~= 'string' then path = '' end
  local file = file_of(path)
  local changed, github = false, file.github
  -- Only whoever has the page can see how long a line was in it and what ended it; the relay finds what is missing by these.
  local about_line = file.is_unended and { ending = 'none' } or nil
  if masking and type(line) == 'string' then
    local safe = masked(line, file)
    if safe ~= line then
      record['log'] = safe
      changed = true
      if file.is_runners then
        about_line = about_line or {}
        about_line.bytes = #line
      end
    end
  end
  if about_line ~= nil then github = { runner = runner, page = file.page, line = about_line } end
  if github ~= nil then
    add(record, 'github', github)
    changed = true
  end
  if host ~= nil then
    add(record, 'host', host)
    changed = true
  end
  if not changed then return 0, 0, 0 end
  return 2, 0, record
end
