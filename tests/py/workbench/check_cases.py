"""Scripts with faults, and scripts that only look so, for test_check_rules: rule, text, options."""

from __future__ import annotations

OUT = "function slurm_scrun_stage_out() "
QUOTE = 'local function e(s) return "\'" .. s:gsub("\'", "\'\\\\\'\'") .. "\'" end '


def stage_in(body: str) -> str:
    """Return a whole scrun.lua whose stage-in is this."""
    parameters = "id, bundle, spool_dir, config_file, job_id, user_id, group_id, job_env"
    return (
        f"function slurm_scrun_stage_in({parameters})\n{body}\nreturn slurm.SUCCESS end\n"
        "function slurm_scrun_stage_out(id, bundle, orig_bundle, root_path)\n"
        "return slurm.SUCCESS end\n"
    )


FOUND = [
    # entry functions
    ("missing-entry", "function slurm_scrun_stage_in() return 0 end", {}),
    ("missing-entry", "local function slurm_scrun_stage_out() return 0 end", {}),
    ("entry-parameters", "function slurm_scrun_stage_out(a,b,c,d,e,f,g,h,i,j,k) return 0 end", {}),
    ("entry-parameters", "function slurm_scrun_stage_in(bundle) return 0 end", {}),
    ("missing-return", stage_in("if id == 'a' then return end"), {}),
    ("return-type", "function slurm_scrun_stage_out() return 'failed' end", {}),
    # names
    ("unknown-slurm", "return slurm.success", {}),
    ("unknown-slurm", "local s = slurm; s.log_inof('x')", {}),
    ("unknown-slurm", "if slurm.FAIL then print(1) end", {}),
    ("slurm-version", "slurm.get_qos_priority('x')", {"slurm_version": "24.05"}),
    ("slurm-version", "return slurm.allocator_command", {"script_type": "job_submit"}),
    ("undefined-global", "print(undefined_name)", {}),
    ("undefined-global", "if x == null then print(1) end local x", {}),
    ("undefined-global", "local x = True; print(x)", {}),
    ("undefined-global", "for i = 1, #arg do print(i) end", {}),
    ("undefined-global", "require 'posix'; print(posix.getpid())", {}),
    ("dialect", "return utf8.char(65)", {"dialect": "5.2"}),
    ("dialect", "return string.pack('i', 1)", {"dialect": "luajit"}),
    ("dialect", "return bit.band(1, 2)", {"dialect": "5.4"}),
    ("dialect", "return ('x'):pack(1)", {"dialect": "5.1"}),
    ("unknown-member", "return table.contains({}, 1)", {}),
    ("unknown-member", "return ('x'):trim()", {}),
    ("global-variable", "local function f() x = 1 end f()", {}),
    ("global-variable", "for i = 1, 2 do t = i end", {}),
    ("global-variable", "string = 1", {}),
    ("global-function", "function helper() end", {}),
    # calls
    ("argument-count", "slurm.set_root_path('a', 'b')", {}),
    ("argument-count", "slurm.allocator_command()", {}),
    ("argument-count", "slurm.set_root_path(string.format('%s', 'x'), 1)", {}),
    ("argument-type", "slurm.allocator_command(nil)", {}),
    ("argument-type", "slurm.log_info({})", {}),
    ("argument-type", "slurm.log('x', 'y')", {}),
    ("extra-result", "local n = tonumber(('1 '):gsub(' ', ''))", {}),
    ("extra-result", "local t = {}; table.insert(t, ('x'):gsub('x', 'y'))", {}),
    # formats
    ("format-arguments", "return ('%s %s'):format(1)", {}),
    ("format-arguments", "return string.format('%d', 1, 2)", {}),
    ("format-arguments", "local f = '%s %s'; slurm.log_error(f, 1)", {}),
    ("format-conversion", "return ('%y'):format(1)", {}),
    ("format-conversion", "return ('%a'):format(1)", {"dialect": "5.1"}),
    ("format-nil", "return ('%d'):format(nil)", {}),
    ("format-nil", "local n = tonumber(io.read()); return ('%d'):format(n)", {}),
    ("format-nil", "local n; return ('%d'):format(n)", {}),
    ("format-nil", "local function f(x) if x then return 1 end end return ('%d'):format(f())", {}),
    ("format-nil", "return ('%s'):format(os.getenv 'X')", {"dialect": "5.1"}),
    ("format-type", "return ('%d'):format('x')", {}),
    ("format-type", "return ('%d'):format({})", {}),
    ("format-type", "return ('%d'):format(1.5)", {"dialect": "5.3"}),
    ("format-type", "return ('%s'):format(true)", {"dialect": "5.1"}),
    ("log-format", stage_in("slurm.log_info('bundle ' .. bundle)"), {}),
    ("log-format", stage_in("slurm.log_info(string.format('%s', bundle))"), {}),
    ("float-text", stage_in("local d = '/run/user/' .. user_id; slurm.set_bundle_path(d)"), {}),
    # nil
    ("nil-concat", "return os.getenv('HOME') .. '/x'", {}),
    ("nil-concat", "local h = os.getenv('HOME'); return h .. '/x'", {}),
    ("nil-index", "local f = io.open('x'); return f:read()", {}),
    ("nil-index", "return ('a=b'):match('c=(.)'):upper()", {}),
    ("nil-argument", "local c = slurm.from_json(os.getenv 'X'); return c", {}),
    # shell
    ("shell-quote", stage_in("local s = slurm.allocator_command('ls ' .. bundle) print(s)"), {}),
    ("shell-quote", stage_in("os.execute(('ls %s'):format(bundle))"), {}),
    ("shell-quote", stage_in("local c = 'ls ' .. bundle; local f = io.popen(c) print(f)"), {}),
    ("shell-quote", stage_in("local c = 'ls'; c = c .. ' ' .. bundle; os.execute(c)"), {}),
    ("shell-quote", stage_in("local p = bundle .. '/x'; os.execute('ls ' .. p)"), {}),
    ("shell-quote", stage_in("os.execute(bundle .. '/hook.sh')"), {}),
    ("shell-double-quote", stage_in("os.execute('ls \"' .. bundle .. '\"')"), {}),
    ("shell-double-quote", stage_in("os.execute(('ls %q'):format(bundle))"), {}),
    # results
    ("ignored-status", "slurm.remote_command('true')", {}),
    ("ignored-status", "local run = slurm.allocator_command; run('true')", {}),
    ("ignored-status", "local s, out = slurm.allocator_command('id'); print(out)", {}),
    ("number-condition", "local s = slurm.remote_command('id'); if not s then print(1) end", {}),
    ("execute-result", "if os.execute('x') then print(1) end", {"dialect": "5.1"}),
    (
        "execute-result",
        "local r = os.execute('x'); if r ~= 0 then print(1) end",
        {"dialect": "5.3"},
    ),
    ("time-constant", "local m = slurm.time_str2mins('x'); print(m == slurm.NO_VAL)", {}),
    # conditions
    ("constant-condition", "local function f(a) if a or true then return 1 end end f()", {}),
    ("constant-condition", "local function f(a) if a == 1 or 2 then return 1 end end f()", {}),
    ("constant-condition", "local function f(a) while a and nil do f() end end f()", {}),
    ("not-comparison", "local function f(a) if not a == nil then return 1 end end f()", {}),
    # tables
    ("job-env-index", stage_in("for i = 0, #job_env do print(job_env[i]) end"), {}),
    ("job-env-index", stage_in("print(job_env[0])"), {}),
    ("index-zero", "local t = { 1 }; for i = 0, #t - 1 do print(t[i]) end", {}),
    ("index-zero", "local t = {}; t[0] = 1; for _, v in ipairs(t) do print(v) end", {}),
    # json
    ("json-round-trip", "local j = require 'lunajson'; return j.encode(j.decode('{}'))", {}),
    ("json-empty-object", "return slurm.to_json { annotations = {} }", {}),
    # modules
    ("unknown-module", "return require 'scrun.verbs.kil'", {}),
    ("unknown-module", "return require 'socket.http'", {}),
]

QUIET = [
    # entry functions
    ("missing-entry", "slurm_scrun_stage_in = f; _G.slurm_scrun_stage_out = f; local f", {}),
    ("missing-entry", "dofile(os.getenv 'X')", {}),
    ("missing-return", stage_in("if id then return 0 else error 'x' end"), {}),
    ("missing-return", OUT + "while true do if f() then return 0 end end end function f() end", {}),
    ("missing-return", OUT + "repeat local x = f() return x until true end function f() end", {}),
    ("return-type", "function slurm_scrun_stage_out() return '0' end", {}),
    ("return-type", OUT + "return rc() end function rc() return true end", {}),
    ("entry-parameters", "function slurm_scrun_stage_in(a, b, c) return 0 end", {}),
    # names
    ("unknown-slurm", "slurm.my_helper = print; slurm.my_helper(1)", {}),
    ("unknown-slurm", "slurm = { my = 1 }; print(slurm.my)", {}),
    ("unknown-slurm", "local slurm = {}; print(slurm.anything)", {}),
    ("slurm-version", "if slurm.to_json then slurm.to_json(1) end", {"slurm_version": "24.05"}),
    ("undefined-global", "if jit_on then jit_on() end", {}),
    ("undefined-global", "local u = my_unpack or table.unpack; return u", {}),
    ("undefined-global", "print(_VERSION, unpack, loadstring, setfenv, bit32)", {}),
    ("undefined-global", "f(); function f() end", {}),
    ("undefined-global", "_G.x = 1; print(x)", {}),
    ("undefined-global", "setmetatable(_G, {}); print(anything)", {}),
    ("undefined-global", "local function f(...) return arg end return f", {"dialect": "5.1"}),
    ("undefined-global", "local _ENV = { print = print }; x = 1; print(x)", {}),
    ("undefined-global", "print(site_name)", {"globals": frozenset({"site_name"})}),
    ("dialect", "local pack = string.pack or print; return pack", {"dialect": "5.1"}),
    ("dialect", "return table.getn({}) + math.pow(1, 2)", {"dialect": "5.4"}),
    ("unknown-member", "function string.trim(s) return s end print(string.trim 'x')", {}),
    ("unknown-member", "local open, out = _G.io, io.stdout; return open, out", {}),
    ("global-variable", "local x; local function f() x = 1 end f()", {}),
    ("global-variable", "_G.x = 1", {}),
    ("global-variable", "global x; x = 1", {"dialect": "5.5"}),
    ("global-function", "function slurm_scrun_stage_in() return 0 end", {}),
    # calls
    ("argument-count", "slurm.set_root_path(f()) function f() end", {}),
    ("argument-count", "local function f(...) slurm.set_root_path(...) end return f", {}),
    ("argument-count", "slurm.log('a'); slurm.log(1, 'a'); slurm.log('a', 1)", {}),
    ("argument-count", "slurm.allocator_command('a', { timeout = 1 })", {}),
    ("argument-type", "slurm.log('a', 1); slurm.log(1, 'a'); slurm.log_info(12)", {}),
    ("argument-type", "slurm.log_info('a' .. 'b'); slurm.set_root_path(nil)", {}),
    ("extra-result", "local n = tonumber((('1 '):gsub(' ', '')))", {}),
    ("extra-result", "slurm.log_info('%s', ('x'):gsub('x', 'y'))", {}),
    # formats
    ("format-arguments", "return string.format('%s%%', 1)", {}),
    ("format-arguments", "local s = string.format('%s %s', f()) function f() return s end", {}),
    ("format-arguments", "local function g(f, ...) return f:format(...) end return g", {}),
    ("format-nil", "local n = tonumber(io.read()); if n then return ('%d'):format(n) end", {}),
    ("format-nil", "local n = tonumber(io.read()) or 0; return ('%d'):format(n)", {}),
    ("format-nil", "local n = assert(tonumber(io.read())); return ('%d'):format(n)", {}),
    ("format-nil", "local h = ('1:2'):match '(%d+)'; return ('%d'):format(tonumber(h))", {}),
    ("format-nil", "return ('%s'):format(os.getenv 'X')", {"dialect": "5.4"}),
    ("format-nil", stage_in("slurm.log_info('%d %d', job_id, user_id)"), {}),
    ("format-type", "return ('%d'):format('12')", {}),
    ("log-format", stage_in("slurm.log_info('%s', bundle); slurm.log_info('job ' .. job_id)"), {}),
    ("float-text", stage_in("local d = '/run/' .. math.floor(user_id); print(d)"), {}),
    ("float-text", stage_in("local d = '/run/' .. user_id; print(d)"), {"dialect": "5.1"}),
    # nil
    ("nil-concat", "return (os.getenv('HOME') or '') .. '/x'", {}),
    ("nil-concat", "local h = os.getenv('HOME'); if not h then return end return h .. '/x'", {}),
    ("nil-index", "local f = io.open('x'); if f then f:close() end", {}),
    ("nil-index", "local f = assert(io.open('x')); f:close()", {}),
    ("nil-index", "local f, err = io.open('x'); assert(f, err); f:close()", {}),
    # shell
    ("shell-quote", stage_in("os.execute('ls ' .. job_id .. id .. math.floor(user_id))"), {}),
    ("shell-quote", stage_in('os.execute("ls \'" .. bundle .. "\'")'), {}),
    ("shell-quote", stage_in("os.execute('ls ' .. shell_quote(bundle))"), {}),
    ("shell-quote", "local D, C = '/x', { d = '/y' }; os.execute('ls ' .. D .. C.d)", {}),
    ("shell-quote", "for _, d in ipairs { 'a', 'b' } do os.execute('mkdir ' .. d) end", {}),
    (
        "shell-quote",
        "return function(p) if p:find '^[%w/]+$' then os.execute('ls ' .. p) end end",
        {},
    ),
    ("shell-quote", QUOTE + "return function(p) os.execute('ls ' .. e(p)) end", {}),
    ("shell-quote", stage_in("os.execute(('ls %d'):format(bundle))"), {}),
    ("shell-quote", "return function(t) os.execute(t.cmd); os.execute(t.cmd .. ' -x') end", {}),
    # results
    ("ignored-status", "local _ = slurm.remote_command('true')", {}),
    ("ignored-status", "local s = slurm.remote_command('true'); return s", {}),
    ("number-condition", "if slurm.remote_command('true') == 0 then print(1) end", {}),
    ("number-condition", "if slurm.get_qos_priority('x') then print(1) end", {}),
    ("execute-result", "if os.execute('x') then print(1) end", {"dialect": "5.4"}),
    ("execute-result", "if os.execute('x') ~= 0 then print(1) end", {"dialect": "5.1"}),
    ("execute-result", "local r = os.execute('x'); return r == true or r == 0", {}),
    ("time-constant", "return slurm.time_str2mins('x') == -1", {}),
    # conditions
    ("constant-condition", "while true do break end if false then print(1) end", {}),
    (
        "constant-condition",
        "local function f(a) if (a or '') == '' then return a or 1 end end f()",
        {},
    ),
    ("not-comparison", "local function f(a, b) return not a == not b, not a == true end f()", {}),
    # tables
    ("job-env-index", stage_in("for _, v in pairs(job_env) do print(v) end"), {}),
    ("index-zero", "local t = { [0] = 1 }; for i = 0, #t do print(t[i]) end", {}),
    ("index-zero", "local s = 'x'; for i = 0, #s do print(s:sub(i, i)) end", {}),
    # json
    ("json-round-trip", "local j = require 'json'; return j.decode('{}')", {}),
    ("json-empty-object", "local c = { hooks = {} }; c.hooks.x = 1; return slurm.to_json(c)", {}),
    ("json-empty-object", "return slurm.to_json { mounts = {} }", {}),
    ("json-empty-object", "return { annotations = {} }", {}),
    # modules
    ("unknown-module", "return require 'scrun.verbs.kill', require 'luastd.settings'", {}),
    ("unknown-module", "local ok = pcall(function() return require 'lfs' end) return ok", {}),
    ("unknown-module", "return require 'cjson.safe', require 'host', require 'string'", {}),
]
