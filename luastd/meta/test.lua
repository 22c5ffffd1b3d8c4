---@meta
--- Globals of a spec file; see luastd/test.lua. They are busted's, and `scrun`.

--- A group of tests. `context` is the same.
---@param name string
---@param body fun()
function describe(name, body) end

---@param name string
---@param body fun()
function context(name, body) end

--- A group that leaves globals and loaded modules as they were.
---@param name string
---@param body fun()
function insulate(name, body) end

--- A group whose globals and modules stay for the group around it.
---@param name string
---@param body fun()
function expose(name, body) end

--- A test; words such as `#slow` in its name are tags. `spec` and `test` are the same.
---@param name string
---@param body? fun() none: still to be written
function it(name, body) end

---@param name string
---@param body? fun()
function spec(name, body) end

---@param name string
---@param body? fun()
function test(name, body) end

--- A test that is still to be written; inside of a test: ends it as one.
---@param name? string
---@param body? fun() not run
function pending(name, body) end

--- Runs before each test of the group and of those inside.
---@param body fun()
function before_each(body) end

--- Runs after each test, whatever became of it.
---@param body fun()
function after_each(body) end

--- Runs once, before the first test of the group.
---@param body fun()
function setup(body) end

---@param body fun()
function strict_setup(body) end

--- Runs once, after the last test of the group.
---@param body fun()
function teardown(body) end

---@param body fun()
function strict_teardown(body) end

--- Runs once, if a test of the group runs.
---@param body fun()
function lazy_setup(body) end

---@param body fun()
function lazy_teardown(body) end

--- Runs when the test that calls it has ended.
---@param body fun()
function finally(body) end

--- Lua's assert, and a chain of words: `assert.is_not.same(a, b)`.
---@class scrun.test.Assertions
---@field [string] any
---@overload fun(value: any, message?: any, ...: any): any

---@type scrun.test.Assertions
assert = assert

--- Functions that note their calls: `spy.new(f)`, `spy.on(table, key)`.
---@type { new: (fun(f?: function): scrun.test.Spy), on: (fun(t: table, key: any): scrun.test.Spy), is_spy: (fun(value: any): boolean) }
spy = {}

--- Puts an answer in the place of a function: `stub(table, key).returns(1)`.
---@param target table
---@param key any
---@param ... any
---@return scrun.test.Stub
function stub(target, key, ...) end

---@class scrun.test.Stub: scrun.test.Spy
---@field returns fun(...: any): scrun.test.Stub
---@field invokes fun(f: function): scrun.test.Stub
---@field on_call_with fun(...: any): { returns: function, invokes: function }

--- Spies on all functions of a table, or stubs them.
---@param target table
---@param with_stub? boolean
---@return table target
function mock(target, with_stub) end

--- What stands for arguments: `match._`, `match.is_string()`, `match.has_match('^x')`.
---@type table<string, any>
match = {}

--- The site's script without a cluster; see luastd/test/site.lua.
---@type scrun.test.site
scrun = {}
