--- Runs a spec that is written inside of a spec, and tells what it reported.
---
--- The library notes blocks and globals in one place for a state, so the inner spec is run on its
--- own modules, loaded once more.
local M = {}

local function fresh_library()
  local hidden = {}
  for name, module in pairs(package.loaded) do
    if name:find '^luastd%.test' then
      hidden[name] = module
    end
  end
  for name in pairs(hidden) do
    package.loaded[name] = nil
  end
  local library = require 'luastd.test'
  for name in pairs(package.loaded) do
    if name:find '^luastd%.test' then
      package.loaded[name] = nil
    end
  end
  for name, module in pairs(hidden) do
    package.loaded[name] = module
  end
  return library
end

---@class test.Report
---@field name string
---@field source string
---@field outcome string
---@field message string?

--- Runs the text of a spec file.
---@param text string
---@param options? scrun.test.Options
---@return test.Report[] reports of all tests, in the order they ran
---@return integer tests how many it has, wanted or not
function M.run(text, options)
  local load_text = loadstring or load
  local chunk = assert(load_text(text, '@inner_spec.lua'))
  local preload = {}
  for name, loader in pairs(package.preload) do
    preload[name] = loader
  end
  local reports = {}
  local begun
  local tests = fresh_library().run(chunk, 'inner_spec.lua:1', options or {}, {
    begin = function(name, source)
      begun = { name = name, source = source }
    end,
    finish = function(result)
      for key, value in pairs(begun) do
        result[key] = value
      end
      reports[#reports + 1] = result
    end,
  })
  for name, loader in pairs(preload) do
    package.preload[name] = loader
  end
  return reports, tests
end

--- The same, for a spec of one test: what it reported.
---@param body string
---@return test.Report
function M.run_test(body)
  return M.run(('it("x", function()\n%s\nend)'):format(body))[1]
end

--- Only the outcomes, by the names of tests.
---@param text string
---@param options? scrun.test.Options
---@return table<string, string>
function M.outcomes(text, options)
  local found = {}
  for _, report in ipairs(M.run(text, options)) do
    found[report.name] = report.outcome
  end
  return found
end

return M
