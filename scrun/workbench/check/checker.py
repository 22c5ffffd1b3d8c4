"""Check files: read, parse, ask the interpreters, apply the rules, hear the comments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from scrun.lua.engines import DIALECTS
from scrun.workbench.check.files import (
    MAX_BYTES,
    STDIN,
    STDIN_NAME,
    find_files,
    find_site,
    guess_type,
    is_main,
    is_meta,
    is_verb,
    read_file,
)
from scrun.workbench.check.finding import Finding
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.modules import loaded_files
from scrun.workbench.check.parse import parse
from scrun.workbench.check.registry import FAMILIES, RULES, SPEC_FAMILIES
from scrun.workbench.check.rules.syntax import PARSER, UNREADABLE, check_syntax
from scrun.workbench.check.scope import resolve
from scrun.workbench.check.script import Options, Script, ScriptType
from scrun.workbench.check.silence import read_comments
from scrun.workbench.check.source import Place, Source

DEFAULT_DIALECT = "5.4"  # also that of the anchor, which runs the verbs
MAX_LOADED = 30  # files that a script loads which are looked at for globals


def check_files(paths: Iterable[str], options: Options) -> Iterator[Finding]:
    """Yield the findings of files, each file's in the order of the source.

    Args:
        paths: of files, and of directories, in which all ``*.lua`` are meant; ``-`` is standard
            input.

    Raises:
        UsageError: there is no such file or directory.
        HostError: a file cannot be read.
        ConfigError: no such dialect.
    """
    for path, is_named in list(find_files(paths)):
        data = read_file(path)
        name = STDIN_NAME if path == STDIN else path
        if data is None:
            limit = f"longer than {MAX_BYTES >> 20} MiB"
            yield Finding(
                name, Place(1, 1, 1, 1), UNREADABLE.name, "error", limit, UNREADABLE.advice
            )
            continue
        here = options
        if path != STDIN and options.site_dir is None:
            here = replace(options, site_dir=find_site(path))
        yield from check_source(data, name, here, default="scrun" if is_named else "module")


def check_source(
    data: bytes, path: str, options: Options | None = None, *, default: ScriptType = "scrun"
) -> list[Finding]:
    """Return the findings of one text, in the order of the source.

    Args:
        path: names it in messages, and tells what it is where ``options`` do not.
        default: its type when nothing tells.

    Raises:
        ConfigError: no such dialect.
    """
    options = options or Options()
    site_dialect = None if is_verb(path) else options.site_dialect
    dialect = options.dialect or site_dialect or DEFAULT_DIALECT
    source = Source(data, path)
    others = DIALECTS if options.all_dialects else (dialect,)
    if b"\0" in data:  # no text: the parser would look for sense in it for half a minute
        complaints = list(check_syntax(source, others, []))
        if complaints:
            return complaints
    tree = parse(source)
    complaints = list(check_syntax(source, others, tree.bad))
    silence = read_comments(tree.comments, RULES)
    complaints += silence.complaints(source)
    readable = not any(f.rule == "syntax" for f in complaints) or (
        options.all_dialects and not list(check_syntax(source, (dialect,), []))
    )
    if readable and tree.bad:
        place = source.place(tree.bad[0], tree.bad[0])
        message = "the parser of the rules does not understand this"
        complaints.append(
            Finding(path, place, PARSER.name, PARSER.severity, message, PARSER.advice)
        )
    elif readable and not is_meta(source.data):
        script_type = options.script_type or guess_type(path, tree, resolve(tree.root), default)
        named = replace(options, globals=options.globals | silence.globals)
        script = Script(source, tree, named, script_type, dialect, options.site_dir)
        script.is_whole = default == "scrun" or options.script_type is not None or is_main(path)
        complaints += _apply_rules(script)
    found = {(f.order(), f.message): f for f in complaints if not silence.is_silent(f)}
    return sorted(found.values(), key=Finding.order)


def _apply_rules(script: Script) -> Iterator[Finding]:
    script.found_globals = frozenset(_loaded_globals(script))
    kinds = Kinds(script)
    for check in SPEC_FAMILIES if script.script_type == "spec" else FAMILIES:
        yield from check(script, kinds)


def _loaded_globals(script: Script) -> Iterator[str]:
    """Yield the globals that the files make which a script loads by a literal name."""
    todo = _loads(script)
    seen: set[str] = set()
    while todo and len(seen) < MAX_LOADED:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            names, loads = _read_loaded(path, script.dialect, script.site_dir)
            yield from names
            todo += loads


@lru_cache(maxsize=256)
def _read_loaded(
    path: str, dialect: str, site_dir: str | None
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the globals that a file makes, and the files that it loads."""
    try:
        with open(path, "rb") as file:
            source = Source(file.read(MAX_BYTES), path)
    except OSError:
        return frozenset(), ()
    script = Script(source, parse(source), Options(), "module", dialect, site_dir)
    return frozenset(use.name for use in script.scopes.writes), tuple(_loads(script))


def _loads(script: Script) -> list[str]:
    return [path for called in script.calls for path in loaded_files(script, called)]
