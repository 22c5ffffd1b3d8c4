"""Command line for developers; the package's docstring shows its use."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from tests.py.cluster import __doc__ as package_doc
from tests.py.cluster import named, package, roots
from tests.py.cluster.base import Cluster
from tests.py.cluster.config import DEFAULT_RUNTIME
from tests.py.cluster.errors import ClusterError
from tests.py.cluster.sandboxed import running


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parse(argv)
    try:
        return _dispatch(options)
    except ClusterError as err:
        print(f"{options.verb}: {err}", file=sys.stderr)
        return 125  # as podman and docker: not the status of the command inside


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.py.cluster",
        description=package_doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("build", "up", "shell"):
        sub = verbs.add_parser(verb)
        sub.add_argument("--suite", default=roots.DEFAULT_SUITE)
    verbs.add_parser("list")
    for verb in ("exec", "install", "root", "down"):
        verbs.add_parser(verb)
    for verb in ("up", "exec", "install", "root", "down"):
        verbs.choices[verb].add_argument("--name", default=named.DEFAULT_NAME)
    verbs.choices["up"].add_argument("--runtime", default=DEFAULT_RUNTIME)
    for verb in ("exec", "shell"):
        sub = verbs.choices[verb]
        sub.add_argument("--user", default="alice")
        sub.add_argument("--cwd")
        sub.add_argument("-e", "--env", action="append", default=[], metavar="NAME=VALUE")
        sub.add_argument("-t", "--tty", action="store_true", help="give it a pty")
        sub.add_argument("command", nargs="*")
    return parser.parse_args(argv)


def _dispatch(options: argparse.Namespace) -> int:
    match options.verb:
        case "build":
            print(roots.find_or_build(options.suite).path)
        case "up":
            cluster = named.up(options.name, options.suite, runtime=options.runtime)
            print(f"{cluster.name}: {cluster.description}")
        case "list":
            for name in named.list_up():
                print(f"{name}: {named.attach(name).description}")
        case "install":
            cluster = named.attach(options.name)
            print("installed" if package.install(cluster) else "up to date")
        case "root":
            print(named.attach(options.name).sandbox.root)
        case "down":
            named.down(options.name)
        case "exec":
            return _execute(named.attach(options.name), options)
        case "shell":
            with running(options.suite) as session:
                return _execute(session, options)
    return 0


def _execute(cluster: Cluster, options: argparse.Namespace) -> int:
    env = dict(entry.partition("=")[::2] for entry in options.env)
    argv = options.command or ["bash", "-l"]
    if options.tty or not options.command:
        # A pty of the user's own: the caller's belongs to root and cannot be reopened.
        return _execute_on_pty(cluster, argv, options, env)
    command = cluster.command(argv, user=options.user, env=env, cwd=options.cwd)
    done = subprocess.run(command)
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


def _execute_on_pty(
    cluster: Cluster, argv: list[str], options: argparse.Namespace, env: dict[str, str]
) -> int:
    size = os.get_terminal_size() if sys.stdin.isatty() else os.terminal_size((80, 24))
    child = cluster.pexpect_spawn(
        argv,
        user=options.user,
        env=env,
        cwd=options.cwd,
        timeout_s=30,
        dimensions=(size.lines, size.columns),
    )
    if sys.stdin.isatty():
        child.interact(escape_character=None)
    else:
        child.expect(child_eof(), timeout=None)
        sys.stdout.buffer.write(child.before)
        sys.stdout.flush()
    child.close()
    return int(child.exitstatus) if child.exitstatus is not None else 128 + child.signalstatus


def child_eof() -> object:
    """Return pexpect's end-of-file pattern."""
    import pexpect  # only a terminal needs it

    return pexpect.EOF


if __name__ == "__main__":
    sys.exit(main())
