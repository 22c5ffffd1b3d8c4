--- `require` as search.py wants it: the site's and the shipped modules, the codecs, the system.
local border, read_host_file, find, export, path, cpath = ...

local package, loaded = package, package.loaded
local searchers = package.searchers or package.loaders
local loadlib, config = package.loadlib, package.config
local unpack = table.unpack or unpack
local load_text = _VERSION == 'Lua 5.1' and loadstring or load

package.path, package.cpath = path, cpath

-- Modules that the host brings unless the site has its own. Compiled when one is first asked for:
-- few scripts need them, and all wait for them.
local codec_names =
  { json = true, cjson = true, ['cjson.safe'] = true, dkjson = true, ['host.json'] = true }
local codecs -- name -> loader

local function load_host_file(name, ...)
  return assert(load_text(read_host_file(name), '=[host]'))(...)
end

local json

--- The host's own codec, whatever `require 'json'` finds.
function border.get_json()
  json = json or load_host_file('json', border)
  return json
end

--- package.searchpath, which Lua 5.1 lacks.
local function search_path(name, templates)
  local file_name = name:gsub('%.', config:sub(1, 1))
  local tried = {}
  for template in templates:gmatch('[^;]+') do
    local candidate = template:gsub('%?', (file_name:gsub('%%', '%%%%')))
    local file = io.open(candidate, 'rb')
    if file then
      file:close()
      return candidate
    end
    tried[#tried + 1] = "\n\tno file '" .. candidate .. "'"
  end
  return nil, table.concat(tried)
end
package.searchpath = package.searchpath or search_path

local function load_or_raise(source, file)
  local chunk, message = border.load_source(source, file)
  if not chunk then
    error(message, 0)
  end
  return chunk, file
end

local function own_searcher(name)
  local file, source = find(name)
  if file then
    return load_or_raise(source, file)
  end
  return "\n\tno module '" .. name .. "' of the site or shipped"
end

--- A script that sets package.path means the codec that is found there.
local function codec_searcher(name)
  if not codec_names[name] or (package.path ~= path and search_path(name, package.path)) then
    return nil
  end
  codecs = codecs or load_host_file('codecs', border, border.get_json())
  return codecs[name]
end

local function path_searcher(name)
  local file, tried = search_path(name, package.path)
  if not file then
    return tried
  end
  local handle = assert(io.open(file, 'rb'))
  local source = handle:read('*a')
  handle:close()
  return load_or_raise(source, file)
end

local c_searchers = { searchers[3], searchers[4] }
for i, searcher in ipairs(c_searchers) do
  c_searchers[i] = function(name)
    local root = i == 2 and name:match('^[^.]+') or name
    if search_path(root, package.cpath) then
      local problem = export()
      if problem then
        return '\n\t' .. problem
      end
    end
    return searcher(name)
  end
end

function package.loadlib(...)
  local problem = export()
  if problem then
    return nil, problem, 'open'
  end
  return loadlib(...)
end

local all = { searchers[1], own_searcher, codec_searcher, path_searcher, unpack(c_searchers) }
for i = 1, #all do
  searchers[i] = all[i]
end
loaded.python = nil
