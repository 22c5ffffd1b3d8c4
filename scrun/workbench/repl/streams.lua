--- Keeps the standard streams; returns a function that puts them back.
-- luacheck: globals io os
local print, io_write, exit = print, io.write, os.exit
local stdin, stdout, output, input = io.stdin, io.stdout, io.output, io.input

return function()
  _G.print, io.write, os.exit = print, io_write, exit
  io.stdin, io.stdout = stdin, stdout
  output(stdout)
  input(stdin)
end
