"""POSIX extended regular expressions, as oci.conf's EnvExclude has them, for Python's ``re``.

regcomp(3) with REG_EXTENDED and Python disagree on bracket expressions, ``$``, the dot, repeated
repetitions (``a*+`` is possessive in Python) and escapes; the translation settles these. Only
whether it matches is kept: which text it matches may differ (POSIX takes the longest).
Imported late: ``re`` costs 7 ms.
"""

from __future__ import annotations

import re

CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r" \t\n\r\f\v",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "print": r"\x20-\x7e",
    "graph": r"\x21-\x7e",
    "cntrl": r"\x00-\x1f\x7f",
    "xdigit": "0-9A-Fa-f",
}
GNU_ESCAPES = {"<": r"\b(?=\w)", ">": r"\b(?<=\w)", "`": r"\A", "'": r"\Z"}


def compile_ere(expression: str) -> re.Pattern[str]:
    """Compile an extended regular expression.

    Raises:
        ValueError: not one; the message has the expression and the cause.
    """
    try:
        parser = _Parser(expression)
        return re.compile(parser.parse(), re.DOTALL)
    except (re.error, OverflowError, RecursionError, ValueError) as err:
        raise ValueError(f"regular expression {expression!a}: {err}") from None


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def parse(self) -> str:
        return self._branches()

    def _branches(self) -> str:
        result = ""
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == ")" and self.depth:  # glibc takes an unmatched one literally
                break
            if char == "|":
                self.at += 1
                result += "|"
            else:
                result += self._repetitions(self._atom(char))
        return result

    def _atom(self, char: str) -> str:
        self.at += 1
        if char == "(":
            self.depth += 1
            inner = self._branches()
            if self.text[self.at : self.at + 1] != ")":
                raise ValueError("unmatched (")
            self.at += 1
            self.depth -= 1
            return f"({inner})"
        if char == "[":
            return self._bracket()
        if char == "\\":
            return self._escape()
        if char == "$":
            return r"\Z"
        if char in "*+?" or (char == "{" and self._bounds(self.at - 1)):
            raise ValueError("a repetition of nothing")
        return char if char in "^." else re.escape(char)

    def _repetitions(self, atom: str) -> str:
        count = 0
        while True:
            char = self.text[self.at : self.at + 1]
            bounds = self._bounds(self.at) if char == "{" else None
            if bounds:
                low, high = bounds.groups()
                mark = bounds[0] if low else f"{{0,{(high or ',')[1:]}}}"
            elif char and char in "*+?":
                mark = char
            else:
                return atom
            # A repeated anchor or repetition stands in a group of its own for Python.
            atom = (f"(?:{atom})" if count or atom in ("^", r"\Z") else atom) + mark
            self.at += len(bounds[0]) if bounds else 1
            count += 1

    def _bounds(self, start: int) -> re.Match[str] | None:
        found = re.compile(r"\{(\d*)(,\d*)?\}").match(self.text, start)
        return found if found and found[0] != "{}" else None

    def _escape(self) -> str:
        if self.at == len(self.text):
            raise ValueError("trailing backslash")
        char = self.text[self.at]
        self.at += 1
        if char in GNU_ESCAPES:
            return GNU_ESCAPES[char]
        if char in "wWsSbB" or char in "123456789":
            return "\\" + char
        return re.escape(char)

    def _bracket(self) -> str:
        negated = self.text[self.at : self.at + 1] == "^"
        self.at += negated
        result, first = "", True
        while True:
            char = self.text[self.at : self.at + 1]
            if not char:
                raise ValueError("unmatched [")
            if char == "]" and not first:
                self.at += 1
                return f"[{'^' if negated else ''}{result}]"
            result += self._bracket_item(char)
            first = False

    def _bracket_item(self, char: str) -> str:
        if self.text.startswith("[:", self.at):
            end = self.text.find(":]", self.at)
            name = self.text[self.at + 2 : end] if end > 0 else ""
            if name not in CLASSES:
                raise ValueError(f"unknown character class {name!a}")
            self.at = end + 2
            return CLASSES[name]
        start = self._bracket_character(char)
        follows = self.text[self.at : self.at + 2]
        if follows[:1] == "-" and len(follows) == 2 and follows[1] != "]":
            self.at += 1
            end_char = self._bracket_character(self.text[self.at])
            if end_char < start:
                raise ValueError(f"bad range {start}-{end_char}")
            return f"{re.escape(start)}-{re.escape(end_char)}"
        return re.escape(start)

    def _bracket_character(self, char: str) -> str:
        for mark in (".", "="):  # [.-.] and [=a=] of one character
            if self.text.startswith("[" + mark, self.at):
                name, _, _ = self.text[self.at + 2 :].partition(mark + "]")
                if len(name) != 1:
                    raise ValueError(f"unknown collating element {name!a}")
                self.at += 5
                return name
        self.at += 1
        return char
