"""The rules as a part of docs/lua-check.md: ``python -m scrun.workbench.check.page FILE``."""

from __future__ import annotations

import sys

from scrun.workbench.check.finding import Rule
from scrun.workbench.check.registry import MODULES

BEGIN = "<!-- rules: made by python -m scrun.workbench.check.page docs/lua-check.md -->"
END = "<!-- end of rules -->"


def write_rules() -> str:
    """Return all rules as Markdown, by family."""
    parts = []
    for module in MODULES:
        about = (module.__doc__ or "").partition("\n\n")[0].replace("``", "`").strip()
        parts.append(f"### {about.rstrip('.')}\n")
        parts += [_write_rule(rule) for rule in module.RULES]
    return "\n".join(parts)


def replace_rules(page: str) -> str:
    """Return a page with its rules as they are now.

    Raises:
        ValueError: it has no place for them.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} or no {END}")
    return f"{before}{BEGIN}\n\n{write_rules()}\n{END}{after}"


def _write_rule(rule: Rule) -> str:
    end = rule.advice if rule.advice.endswith("?") else f"{rule.advice}."
    text = f"**`{rule.name}`** ({rule.severity}): {rule.summary}\n{end}\n"
    if rule.bad:
        text += f"\n```lua\n{rule.bad}\n```\n"
    return text


def main(path: str) -> None:
    """Write the rules into a page."""
    with open(path, encoding="utf-8") as file:
        page = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(replace_rules(page))


if __name__ == "__main__":
    main(sys.argv[1])
