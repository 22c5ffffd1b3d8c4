"""Which file wins for each module of luastd, what it stands in for, and what is refused.

`scrun.lua.search` decides; this tells of its decisions, for people.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from scrun.errors import ConfigError
from scrun.lua.search import SearchPath, check_owner

Place = Literal["site", "shipped"]
Standing = Literal["used", "shadowed", "refused", "elsewhere"]

PREFIXES = ("scrun.", "luastd.")
NOT_POLICY = ("meta", "test")  # types for editors, and the tests' own library
ALIKE, MISSPELT = 0.6, 0.8  # difflib's ratios


@dataclass(frozen=True)
class Site:
    """A directory that may hold a site's Lua, and what leads there."""

    directory: str
    reason: str


@dataclass(frozen=True)
class Candidate:
    """A file that is there for a module.

    Attributes:
        standing: used; shadowed by the used one; refused, so that nothing is used; or elsewhere:
            of a site that is not in force.
        why: in words.
    """

    path: str
    place: Place
    standing: Standing
    why: str


@dataclass(frozen=True)
class Module:
    """A module by its full name, and the files for it: what goes before comes first."""

    name: str
    chain: tuple[Candidate, ...]
    refusal: ConfigError | None = None

    @property
    def short_name(self) -> str:
        """``verbs.kill`` for ``scrun.verbs.kill``."""
        return self.name.removeprefix("scrun.")

    @property
    def winner(self) -> Candidate | None:
        """The file that is used; None when one is refused."""
        return next((one for one in self.chain if one.standing == "used"), None)

    @property
    def is_override(self) -> bool:
        """Whether a site's file is used, or would be."""
        return self.chain[0].place == "site" and self.chain[0].standing != "elsewhere"


class Overrides:
    """What a search path finds, explained.

    Args:
        sites: places for a site's Lua, the one in force first.
    """

    def __init__(self, search: SearchPath, sites: list[Site]) -> None:
        self.search = search
        self.sites = sites

    def find(self, name: str) -> Module | None:
        """Return a module; None when there is no file for it in a place that counts.

        Args:
            name: ``verbs.kill``, ``scrun.verbs.kill``, ``luastd.verbs.kill``, ``verbs/kill.lua``.
        """
        full = full_name(name)
        refusal: ConfigError | None = None
        own: list[Candidate] = []
        try:
            found = self.search.find(full)
        except ConfigError as err:
            found, refusal = None, err
            own.append(Candidate(self._site_path(full), "site", "refused", err.message))
        if found is not None and found.kind == "site":
            why = f"the site's own, {self.sites[0].reason}"
            own.append(Candidate(found.path, "site", "used", why))
        chain = [*own, *self._shipped(full, is_used=not own)]
        if not chain:
            return None
        elsewhere = [] if full.startswith("luastd.") else list(self._elsewhere(full))
        return Module(full, (*chain, *elsewhere), refusal)

    def all(self) -> Iterator[Module]:
        """Yield every module that a site may replace, and those that it adds, by name."""
        names = set(_policy_names(self.search.shipped))
        if self.search.site_dir is not None:
            names |= set(_module_names(f"{self.search.site_dir}/scrun.d"))
        for name in sorted(names):
            module = self.find(f"scrun.{name}")
            if module is not None:
                yield module

    def nearest(self, name: str) -> list[str]:
        """Return names of modules like this one: with the same last part, or spelt alike."""
        wanted = full_name(name).partition(".")[2]
        return _nearest(wanted, [module.short_name for module in self.all()])

    def mistaken_for(self, module: Module) -> list[str]:
        """Return what a site's module that replaces nothing may be meant to replace."""
        if not module.is_override or any(one.place == "shipped" for one in module.chain):
            return []
        shipped = _policy_names(self.search.shipped)
        last = module.short_name.rpartition(".")[2]
        displaced = [name for name in shipped if name.rpartition(".")[2] == last]
        # A site's own stager is no mistake: what is meant differs in a letter.
        misspelt = difflib.get_close_matches(module.short_name, shipped, 1, MISSPELT)
        return list(dict.fromkeys([*displaced, *misspelt]))

    def script(self) -> Candidate | None:
        """Return the site's scrun.lua; None: there is none."""
        path = f"{self.sites[0].directory}/scrun.lua"
        try:
            found = self.search.script()
        except ConfigError as err:
            return Candidate(path, "site", "refused", err.message)
        why = f"the site's script, {self.sites[0].reason}: it takes the stagers' place"
        return Candidate(found, "site", "used", why) if found else None

    def refusal_of(self, path: str) -> ConfigError | None:
        """Return why a file or directory of the site is refused; None: it is not, or is absent."""
        try:
            check_owner(path, os.stat(path), strict=self.search.strict)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as err:
            return ConfigError(f"read {path}: {err.strerror}")
        except ConfigError as err:
            return err
        return None

    def _site_path(self, full: str) -> str:
        return f"{self.search.site_dir}/scrun.d/{_relative(full)}"

    def _shipped(self, full: str, *, is_used: bool) -> Iterator[Candidate]:
        path = f"{self.search.shipped}/{_relative(full)}"
        if not os.path.isfile(path):
            return
        path = os.path.realpath(path)
        if not is_used:
            yield Candidate(path, "shipped", "shadowed", "shipped")
        elif full.startswith("luastd."):
            yield Candidate(path, "shipped", "used", "shipped: luastd names nothing else")
        else:
            why = f"shipped: {self.search.site_dir}/scrun.d has none"
            yield Candidate(path, "shipped", "used", why)

    def _elsewhere(self, full: str) -> Iterator[Candidate]:
        for site in self.sites[1:]:
            path = f"{site.directory}/scrun.d/{_relative(full)}"
            if os.path.isfile(path):
                why = f"{site.reason}, which {self.sites[0].reason} goes before"
                yield Candidate(path, "site", "elsewhere", why)


def full_name(name: str) -> str:
    """Return ``scrun.verbs.kill`` for what people call it."""
    if name.endswith(".lua") and "/" in name:
        name = name.removesuffix(".lua").replace("/", ".")
    return name if name.startswith(PREFIXES) else f"scrun.{name}"


def _relative(full: str) -> str:
    return full.partition(".")[2].replace(".", "/") + ".lua"


def _module_names(directory: str) -> Iterator[str]:
    for folder, folders, files in os.walk(directory):
        folders.sort()
        for file in sorted(files):
            path = os.path.relpath(os.path.join(folder, file), directory)
            stem = path.removesuffix(".lua")
            if stem != path and "." not in stem:  # others cannot be required
                yield stem.replace("/", ".")


def _policy_names(shipped: str) -> list[str]:
    return [name for name in _module_names(shipped) if name.partition(".")[0] not in NOT_POLICY]


def _nearest(wanted: str, names: Iterable[str]) -> list[str]:
    known = sorted(names)
    last_parts = {name.rpartition(".")[2]: name for name in known}
    last = difflib.get_close_matches(wanted.rpartition(".")[2], last_parts, 1, ALIKE)
    alike = difflib.get_close_matches(wanted, known, 3, ALIKE)
    return list(dict.fromkeys([*(last_parts[part] for part in last), *alike]))[:3]
