--- Runs specs by hand: `lua tests/lua/run.lua [SPEC …]`, under any interpreter.
local here = arg[0]:match '^(.*)/' or '.'
assert(loadfile(here .. '/support/setup.lua'))(here .. '/../..')

local specs = {}
for at = 1, #arg do
  specs[at] = arg[at]
end
if #specs == 0 then
  for path in io.popen(('find %s -name "*_spec.lua" | sort'):format(here)):lines() do
    specs[#specs + 1] = path
  end
end
os.exit(require('luastd.test').main(specs) and 0 or 1)
