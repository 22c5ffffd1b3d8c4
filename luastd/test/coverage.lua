--- Counts the lines that run, by the line hook of the debug library.
---@class scrun.test.coverage
local M = {}

local hits = {} ---@type table<string, table<integer, integer>|false> by source

--- Starts to count, in this and all coroutines made from now on.
---@param wants fun(path: string): boolean which files are counted
---@param tick fun() called every `count` instructions
---@param count integer
function M.start(wants, tick, count)
  local getinfo, sethook, sub = debug.getinfo, debug.sethook, string.sub

  local function hook(event, line)
    if event == 'count' then
      tick()
      return
    end
    local source = getinfo(2, 'S').source
    local lines = hits[source]
    if lines == nil then
      lines = sub(source, 1, 1) == '@' and wants(sub(source, 2)) and {} or false
      hits[source] = lines
    end
    if lines then
      lines[line] = (lines[line] or 0) + 1
    end
  end

  local function begin()
    sethook(hook, 'l', count)
  end

  begin()
  if jit then -- one hook for all threads, and none in compiled code
    jit.off()
    jit.flush()
    return
  end
  for _, name in ipairs { 'create', 'wrap' } do
    local make = coroutine[name]
    coroutine[name] = function(body)
      if type(body) ~= 'function' then
        return make(body) -- its own error
      end
      return make(function(...)
        begin()
        return body(...)
      end)
    end
  end
end

--- Ends it and returns the counts: a line `@path`, then `line:count` for each.
---@return string
function M.stop()
  debug.sethook()
  local out = {}
  for source, lines in pairs(hits) do
    if lines then
      out[#out + 1] = source
      for line, count in pairs(lines) do
        out[#out + 1] = ('%d:%d'):format(line, count)
      end
    end
  end
  return table.concat(out, '\n')
end

return M
