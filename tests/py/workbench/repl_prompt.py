"""Sessions of ``scrun lua repl``, at a pty and from a pipe."""

from __future__ import annotations

import subprocess
import sys

import pexpect

PROMPT, CONTINUED = "lua> ", r"\.\.\.> "
CTRL_C, CTRL_D, TAB, UP = "\x03", "\x04", "\t", "\x1b[A"
TIMEOUT_S = 60


class Prompt:
    """A session at a pty."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "scrun", "lua", "repl", *arguments],
            env=environment,
            encoding="utf-8",
            timeout=TIMEOUT_S,
            dimensions=(50, 100),
        )
        self.greeting = self.wait()

    def wait(self) -> str:
        """Wait for the prompt; return what came before it."""
        self.child.expect(PROMPT)
        return str(self.child.before)

    def ask(self, line: str) -> str:
        """Type a line; return what is answered before the next prompt."""
        self.child.sendline(line)
        answer = self.wait()
        return answer.replace("\r", "").partition("\n")[2].strip()

    def leave(self) -> int:
        """Leave by Ctrl-D; return the exit status."""
        self.child.send(CTRL_D)
        self.child.expect(pexpect.EOF)
        self.child.close()
        return int(self.child.exitstatus)


class Start:
    """Starts sessions of one user, and ends them."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.prompts: list[Prompt] = []

    def __call__(self, *arguments: str, **variables: str) -> Prompt:
        """Return a session that is at its prompt."""
        prompt = Prompt(self.environment | variables, *arguments)
        self.prompts.append(prompt)
        return prompt

    def pipe(self, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run with a pipe for standard input."""
        return subprocess.run(
            [sys.executable, "-m", "scrun", "lua", "repl", *arguments],
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
