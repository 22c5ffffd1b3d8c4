--- Makes a state ready for specs under any Lua interpreter. `scrun.X` and `luastd.X` are one
--- module: no site overrides anything here; `json` and `host` are those of this directory.
--- Called with the checkout's path.
local checkout = ...

package.path, package.cpath = checkout .. '/?.lua;' .. checkout .. '/tests/lua/?.lua', ''
-- luacheck: read globals package.searchers package.loaders
local searchers = package.searchers or package.loaders
table.insert(searchers, 2, function(name)
  local rest = name:match '^scrun%.(.+)$'
  if rest then
    return function()
      return require('luastd.' .. rest)
    end
  end
  return '\n\tno module of scrun'
end)

for _, name in ipairs { 'host', 'json' } do
  package.preload[name] = function()
    return require('support.' .. name)
  end
end
