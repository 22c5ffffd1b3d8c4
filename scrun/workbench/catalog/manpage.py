"""docs/man/man7/scrun-lua.7: the catalog as a man page, in man(7)."""

from __future__ import annotations

import re

from scrun.workbench.catalog.model import (
    VERSIONS,
    Catalog,
    Constant,
    Entry,
    Function,
    Item,
    Record,
)
from scrun.workbench.catalog.outline import (
    MADE_BY,
    Section,
    describe_field,
    describe_home,
    describe_parameter,
    describe_return,
    describe_versions,
    flow,
    join,
    sections,
)

CODE = re.compile(r"`([^`]*)`")
HEAD = f"""\
.\\" Made by "{MADE_BY} man" from scrun/workbench/catalog: change it there.
.TH SCRUN\\-LUA 7
.SH NAME
scrun\\-lua \\- what Slurm's Lua scripts can use
.SH DESCRIPTION
What scrun.lua, job_submit.lua, cli_filter.lua and burst_buffer.lua find in the global
.BR slurm ,
the functions that they define, and the records that these get; of Slurm {VERSIONS[0]} to
{VERSIONS[-1]}.
.B scrun lua doc
.I NAME
shows any of it by itself, and
.B scrun lua run
runs them: see
.BR "RUNNING SCRIPTS AND VERBS" .
"""
RUNNING = """\
.SH RUNNING SCRIPTS AND VERBS
.B scrun lua run
.RI [ FILE ]
.RI [ FUNCTION ]
.RI [ ARG ]...
runs a function of a script, or a verb as the site's modules have it, and shows all that it does:
commands, functions of the host, output, what the user of podman would see.
.I FILE
is scrun.lua, a script of a plugin, a directory with scrun.d, or a module in it; without one the
site in force is taken.
.TP
.BR stage_in ", " stage_out
Functions of scrun.lua, both by default.
.TP
.BR create ", " start ", " state ", " kill ", " delete ", " exec ", " pause ", " resume ", " \
ps ", " events ", " update
Verbs of a container.
.I ARG
is what follows its ID on a command line:
.BR "kill USR1" ,
.BR "exec \\-\\- ls /" .
.TP
.BR features ", " spec ", " checkpoint ", " restore
Verbs that need no container. What they print and their exit status are shown as well, and the
config.json that
.B spec
makes.
.TP
.B \\-\\-dry\\-run
Nothing is started or written (the default);
.B \\-\\-answer
.I PATTERN=STATUS:OUTPUT
has what a command answers.
.TP
.BR \\-\\-local ", " \\-\\-slurm
For real, on this machine or in a job: with a container of a copy of
.B \\-\\-bundle
.IR DIR ,
which is deleted afterwards.
.B \\-\\-in\\-place
uses the bundle itself.
.TP
.BI \\-\\-record " FILE\\fR, " \\-\\-replay " FILE"
Keep what commands answer to stage functions, and answer from that.
.PP
The status is 1 when the function or verb fails.
.B scrun lua run \\-\\-help
has all options.
"""
TAIL = """\
.SH SEE ALSO
.BR scrun (1),
.BR slurm.conf (5)
"""


def write_man(catalog: Catalog) -> str:
    """Return the page."""
    return "".join([HEAD, *(_section(one) for one in sections(catalog)), RUNNING, TAIL])


def _section(section: Section) -> str:
    return f".SH {_text(section.title.upper())}\n" + "".join(_item(one) for one in section.items)


def _item(item: Item) -> str:
    if isinstance(item, Constant):
        versions = describe_versions(item)
        note = join(item.meaning, "" if versions == "all" else f"Slurm {versions}")
        return f".TP\n.B {_text(item.name)}\n{item.value}{note and ': ' + _text(note)}\n"
    parts = [f".SS {_text(item.signature)}\n", f"{_text(flow(item.meaning))}\n"]
    parts.append(f".PP\nIn {_text(describe_home(item))}.\n")
    if isinstance(item, (Function, Entry)):
        parts += [
            _term(f"{one.name}  ({one.type})", describe_parameter(one)) for one in item.parameters
        ]
        parts += [_term(f"returns  ({one.type})", describe_return(one)) for one in item.returns]
    if item.note:
        parts.append(f".PP\n{_text(flow(item.note))}\n")
    if item.example:
        parts.append(f".PP\n.RS 4\n.EX\n{_lines(item.example)}.EE\n.RE\n")
    if isinstance(item, Record):
        parts += [
            _term(f"{one.name}  ({one.type}, {one.access})", describe_field(one))
            for one in item.fields
        ]
        if item.base:
            parts.append(f".PP\nIts type is \\fB{_text(item.base)}\\fR.\n")
    return "".join(parts)


def _term(name: str, meaning: str) -> str:
    return f".TP\n.B {_text(name)}\n{_text(flow(meaning)) or chr(92) + '&'}\n"


def _lines(text: str) -> str:
    return "".join(f"{_escape(line)}\n" for line in text.splitlines())


def _text(text: str) -> str:
    """Return a line of prose: what stands in backquotes is bold."""
    return CODE.sub(r"\\fB\1\\fR", _escape(text))


def _escape(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("^", "\\(ha").replace("~", "\\(ti")
    return f"\\&{text}" if text.startswith((".", "'")) else text
