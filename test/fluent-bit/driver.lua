-- Stands in for Fluent Bit's filter "lua": runs the script on records that come in as lines of "hex of file TAB hex of log", in
-- protected mode, and prints "code TAB hex of log TAB the other fields". A third column "error" makes the record one that fails.
dofile(arg[1])

local bytes, pairs_of = {}, {}
for value = 0, 255 do
  bytes[('%02x'):format(value)] = string.char(value)
  pairs_of[string.char(value)] = ('%02x'):format(value)
end

local function from_hex(text)
  return (text:gsub('%x%x', bytes))
end

local function to_hex(text)
  return (text:gsub('.', pairs_of))
end

local function flat(prefix, value, out)
  if type(value) ~= 'table' then
    out[#out + 1] = prefix .. '=' .. tostring(value)
    return
  end
  for key, inner in pairs(value) do flat(prefix == '' and key or prefix .. '.' .. key, inner, out) end
end

for line in io.lines() do
  local file, log, mode = line:match('^(%x*)\t(%x*)\t?(%a*)$')
  local record = { file = from_hex(file), log = from_hex(log), offset = 7 }
  if mode == 'error' then
    record = setmetatable({}, { __index = function() error('as a broken record does') end })
  elseif mode == 'taken' then
    record.github = { runner = 'of another filter' }
    record.host = 'a text'
  elseif mode == 'odd' then
    record.log = 5
    record.file = nil
  end
  local passed, code, _, changed = pcall(spillway, 'runner.page', 0, record)
  if not passed then
    print('failed')
  else
    local out = {}
    local shown = code == 2 and changed or record
    for key, value in pairs(shown) do
      if key ~= 'log' and key ~= 'file' then flat(key, value, out) end
    end
    table.sort(out)
    print(code .. '\t' .. to_hex(tostring(shown.log)) .. '\t' .. table.concat(out, ','))
  end
end
