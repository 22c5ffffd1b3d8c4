--- Adds GPUs (scrun.d/oci/gpus.lua) to what every stager does, whichever the site uses: after
--- `carry`, which drops binds that this machine does not have. The driver is on the nodes alone.
local bundle = require 'luastd.stage.bundle'
local gpus = require 'scrun.oci.gpus'

local carry = bundle.carry

function bundle.carry(config, ctx, directory, seen_as)
  local ok, errmsg, code = carry(config, ctx, directory, seen_as)
  if not ok then
    return nil, errmsg, code
  end
  return gpus.add(config, ctx)
end

return bundle
