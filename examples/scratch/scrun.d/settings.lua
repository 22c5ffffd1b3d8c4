--- Settings of a site whose images lie on the login node alone: they travel to a scratch file
--- system that the nodes see, and nothing travels back.
local settings = require 'luastd.settings'

settings.stage = 'rsync'
settings.rsync_dir = '/scratch/%u/scrun'
settings.rsync_back = false -- results belong in /home and /scratch, not in an image
settings.stage_timeout_s = 1800 -- a stage-in that takes longer is stuck, and the job costs money

for _, pattern in ipairs { '/tmp/*', '/var/cache/*', '/var/tmp/*' } do
  table.insert(settings.rsync_exclude, pattern)
end

return settings
