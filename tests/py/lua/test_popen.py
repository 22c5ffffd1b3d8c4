"""``io.popen`` and ``os.execute`` of a site's script, in every dialect."""

from __future__ import annotations

from pathlib import Path

import pytest

from scrun.lua.engines import DIALECTS
from scrun.lua.local_host import LocalHost
from scrun.lua.site import SiteScript

SCRIPT = """
local pipe = io.popen('echo one; echo two; exit 3')
local kind = io.type(pipe)
local lines = {}
for line in pipe:lines() do
  lines[#lines + 1] = line
end
local ok, how, status = pipe:close()
local write = io.popen('cat > "%s"', 'w')
write:write('a', 1, '\\n')
write:close()
RESULT = {
  kind, table.concat(lines, ' '), tostring(ok), tostring(how), tostring(status), io.type(pipe),
  io.popen('echo x y'):read '*l', tostring(pcall(pipe.read, pipe)),
  tostring(pcall(io.popen)),
}
function slurm_scrun_stage_in() end
function slurm_scrun_stage_out() end
"""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_popen_reads_writes_and_tells_the_status(tmp_path: Path, dialect: str) -> None:
    """As Lua's manual has it; in 5.1 close tells nothing."""
    written, path = tmp_path / "written", tmp_path / "scrun.lua"
    path.write_text(SCRIPT % written)
    script = SiteScript(LocalHost(), script=str(path), dialect=dialect)
    script.load()
    result = script._runtime.to_python(script._runtime.get("RESULT"))
    tells_status = dialect not in ("5.1", "luajit")
    ended = ["nil", "exit", "3"] if tells_status else ["true", "nil", "nil"]
    assert result == [
        *("file", "one two", *ended, "closed file"),
        *("x y", "false", "false"),
    ]
    assert written.read_text() == "a1\n"


EXECUTE = """
local function show(...)
  local shown = {}
  for at = 1, 3 do
    shown[at] = tostring((select(at, ...)))
  end
  return table.concat(shown, ' ')
end
RESULT = {
  show(os.execute 'exit 3'), show(os.execute 'true'), show(os.execute 'kill -9 $$'),
  show(os.execute()),
}
function slurm_scrun_stage_in() end
function slurm_scrun_stage_out() end
"""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_execute_tells_the_status(tmp_path: Path, dialect: str) -> None:
    """As Lua has it on POSIX: from 5.2 on the exit code, before that waitpid's status."""
    path = tmp_path / "scrun.lua"
    path.write_text(EXECUTE)
    script = SiteScript(LocalHost(), script=str(path), dialect=dialect)
    script.load()
    result = script._runtime.to_python(script._runtime.get("RESULT"))
    if dialect in ("5.1", "luajit"):
        assert result == ["768 nil nil", "0 nil nil", "9 nil nil", "1 nil nil"]
    else:
        assert result == ["nil exit 3", "true exit 0", "nil signal 9", "true nil nil"]
