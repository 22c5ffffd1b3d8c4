---@meta host
--- The module `host` as stagers and the site's scrun.lua see it: every call blocks this Lua
--- state only. After the container was cancelled each of them raises `cancelled`.

---@class host
local host = {}

--- Options of commands.
---@class host.RunOptions
---@field timeout? number seconds; past it the command is ended, status 124
---@field stdin? string
---@field stderr? 'apart'|'merged' default: merged into the output
---@field nodes? string[] `run_remote` only; default: all nodes of the job

--- Runs a program on this machine, with the job's environment and no shell in between.
---@param argv string[] argv[1] is looked up in PATH
---@param options? host.RunOptions
---@return integer status exit code; 128+n for a death by signal n; 127: not found
---@return string output
---@return string? stderr when asked for apart
function host.run(argv, options) end

--- Runs a program once on every node of the job, as a step of its own.
---@param argv string[]
---@param options? host.RunOptions
---@return integer status the highest of the nodes'
---@return string output
---@return string? stderr
function host.run_remote(argv, options) end

---@param path string
---@return string? data
---@return string? errmsg
---@return string? code an errno name
function host.read_file(path) end

--- Writes a file whole or not at all.
---@param path string
---@param data string
---@param mode? integer default 0600
---@return true? ok
---@return string? errmsg
---@return string? code
function host.write_file(path, data, mode) end

--- Makes a directory and its parents; one that is there is fine.
---@param path string
---@param mode? integer of those it makes; default 0700
---@return true? ok
---@return string? errmsg
---@return string? code
function host.make_dirs(path, mode) end

--- Removes a file or a tree: follows no symbolic link, enters no mount, opens directories
--- that lack write permission.
---@param path string one that is not there is fine
---@return true? ok
---@return string? errmsg
---@return string? code
function host.remove_tree(path) end

---@class host.Stat
---@field type 'file'|'directory'|'link'|'socket'|'fifo'|'char'|'block'
---@field size integer bytes
---@field mode integer permission bits, at least the lower 12
---@field uid integer as the kernel maps it for us
---@field gid integer
---@field mtime number seconds since the epoch

---@param path string
---@return host.Stat? stat
---@return string? errmsg
---@return string? code
function host.stat(path) end

---@param path string
---@return string[]? names without `.` and `..`, sorted
---@return string? errmsg
---@return string? code
function host.list_dir(path) end

---@param path string
---@return string? path absolute, without symbolic links
---@return string? errmsg
---@return string? code
function host.realpath(path) end

--- The size of a file system that is mounted at a path.
---@param path string
---@return integer? bytes nil: nothing is mounted there
---@return string? errmsg
---@return string? code
function host.mount_size(path) end

--- A variable of the job's environment.
---@param name string
---@return string? value
function host.getenv(name) end

return host
