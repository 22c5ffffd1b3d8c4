--- Images come to the nodes as their partition needs it: scrun.d/stage/by_partition.lua.
local settings = require 'luastd.settings'
settings.stage = 'by_partition'
return settings
