---@meta
--- Globals of a spec file; see luastd/test.lua.

---@param name string
---@param body fun()
function describe(name, body) end

---@param name string
---@param body? fun()
function it(name, body) end

---@param name string
function pending(name) end

---@param body fun()
function before_each(body) end

---@param body fun()
function after_each(body) end

---@type scrun.test.Assert
assert = assert
