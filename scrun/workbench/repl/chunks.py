"""Tell whether what was typed is a chunk of Lua, or the beginning of one.

The parser of the dialect decides: a complaint that it met the end of the input means that more may
follow.
"""

from __future__ import annotations

from scrun.errors import ScriptError
from scrun.lua.runtime import Runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scrun.lua.runtime import LuaObject

END = ("<eof>", "'<eof>'")  # how messages end; Lua 5.1 and luajit quote it


def read_chunk(
    runtime: Runtime, text: str, name: str, *, line: int = 1, is_all: bool = False
) -> LuaObject | None:
    """Compile as expressions, else as statements; None when the text is not complete.

    Args:
        text: ``=EXPRESSIONS`` are expressions and nothing else.
        name: of the file, in errors.
        line: of the text in that file.
        is_all: nothing follows: what is not complete is an error.

    Raises:
        ScriptError: neither, as ``name:line: what``.
    """
    failures = []
    # With a line break at the end a string that lacks its quote does not "meet the end" as well;
    # without one the end is in the line that people count.
    end = "" if is_all else "\n"
    for form in _forms(text):
        try:
            return runtime.load("\n" * (line - 1) + form + end, name)
        except ScriptError as err:
            failures.append(err)
    for failure in failures:
        if failure.message.endswith(END):
            if is_all:
                raise failure
            return None
    raise failures[-1]


def _forms(text: str) -> list[str]:
    if text.lstrip().startswith("="):
        return [f"return {text.lstrip()[1:]}"]
    # The space: Lua's own loaders skip a first line that begins with "#".
    return [f"return {text}", f" {text}"]
