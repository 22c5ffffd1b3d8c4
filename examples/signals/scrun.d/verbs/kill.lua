--- OCI `kill` at a site whose programs write a checkpoint on a signal of their own.
---
--- `podman stop` and the end of a batch window say TERM to everything. An image that wants another
--- signal says so by an annotation, and gets that one:
---
---     podman run --annotation org.example.checkpoint-signal=USR1 ...
local kill = require 'luastd.verbs.kill'

local ANNOTATION = 'org.example.checkpoint-signal'

--- A core file of a whole node's memory is nothing that anybody wants of Ctrl-\.
kill.translate.QUIT = 'TERM'

local run = kill.run

function kill.run(container, request)
  local wanted = container.annotations[ANNOTATION]
  if wanted and request.signal == 'TERM' then
    request.signal = wanted
  end
  return run(container, request)
end

return kill
