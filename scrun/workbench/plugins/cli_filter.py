"""Run the functions of a cli_filter script, and tell what became of the options."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from scrun.errors import UsageError
from scrun.log import ERROR, INFO
from scrun.lua.plugin_options import COMMANDS, OptionError, Options
from scrun.workbench.plugins.changes import compare_options
from scrun.workbench.plugins.json_records import read_file
from scrun.workbench.plugins.result import Result, Verdict
from scrun.workbench.plugins.runner import Runner

FUNCTIONS = ("slurm_cli_setup_defaults", "slurm_cli_pre_submit", "slurm_cli_post_submit")
_TERMINATED = "cli_filter plugin terminated with error"
_HIDDEN = ("SLURM_", "SPANK_", "_SLURM_SPANK_OPTION_")  # variables that json_env leaves out
_SPECIAL = ("argv", "type", "spank", "spank_job_env")
# What an option means that is given without its value, where that is not just "set".
_BARE = {
    "exclusive": "exclusive",
    "nice": "100",
    "immediate": "1",
    "kill-on-bad-exit": "1",
    "pty": "",
}
DEFAULT_JOB_ID = 1000
BATCH_STEP = 0xFFFFFFFB


def run(runner: Runner, function: str) -> Result:
    """Run the functions up to one of FUNCTIONS, as the command would have by then.

    Raises:
        ScrunError: an input is wrong, or the script does not load.
    """
    given = _read_options(runner.inputs.options)
    command = runner.inputs.command or str(given.get("type", "sbatch"))
    if command not in COMMANDS:
        raise UsageError(f"no command {command!r}", hint=f"One of {', '.join(COMMANDS)}")
    options = Options(
        command,
        minutes_of=runner.script.minutes_of,
        log=lambda text: runner.say(ERROR, text),
        argv=[str(word) for word in given.get("argv", [])],
        version=runner.version,
    )
    environment = {**os.environ, **(runner.inputs.env or {})}
    runner.script.add_cli_functions(lambda: _options_json(options), lambda: _env_json(environment))
    before = {name: options.get(name) for name in options.names()}
    with _environment(runner.inputs.env or {}):
        result = runner.start(function)
        for name in FUNCTIONS[: FUNCTIONS.index(function) + 1]:
            _run_one(runner, result, name, options, given)
            if result.error is not None or not result.verdict.accepted:
                break
    result.changes = compare_options(before, options, runner.script.places)
    result.shown = [
        f"{command}: error: {line.text}" if line.level == ERROR else f"{command}: {line.text}"
        for line in result.log
        if line.level in (ERROR, INFO)
    ]
    if not result.verdict.accepted and options.fatal is None:
        result.shown.append(f"{command}: error: {_TERMINATED}")
    return result


def _run_one(
    runner: Runner, result: Result, name: str, options: Options, given: Mapping[str, Any]
) -> None:
    script = runner.script
    early = name == "slurm_cli_setup_defaults"
    if name == "slurm_cli_pre_submit":
        _set_given(options, given)
    if name == "slurm_cli_post_submit":
        job_id = runner.inputs.job_id or DEFAULT_JOB_ID
        arguments: list[Any] = [0, job_id, BATCH_STEP if options.command == "sbatch" else 0]
    else:
        extra = {key: given[key] for key in ("spank", "spank_job_env") if key in given}
        arguments = [script.options_table(options, early=early, **extra)]
        arguments += [] if early else [0]
    target, result.function = result.function, name
    answer = runner.call(result, *arguments)
    result.function = target
    what = f"cli_filter_p_{name.removeprefix('slurm_cli_')}/lua"
    if options.fatal is not None:
        result.error = None
        result.verdict = Verdict(False, 1, None, options.fatal)
    elif answer is None:
        assert result.error is not None
        runner.say(ERROR, f"{what}: {runner.path}: {result.error.message}")
        result.notes.append(f"{options.command} goes on when the script fails")
    else:
        verdict = runner.judge(answer[0] if answer else None, what)
        if name != "slurm_cli_post_submit":  # whose status nobody looks at
            result.verdict = verdict


def _set_given(options: Options, given: Mapping[str, Any]) -> None:
    """Set what the command line has; it comes after the defaults of the script."""
    for name, value in given.items():
        if name in _SPECIAL or name.startswith("spank:") or value is None or value is False:
            continue
        if not options.is_known(name):
            raise UsageError(f"--options: {options.command} has no option --{name}")
        text = _BARE.get(name, "set") if value is True else str(value)
        if text == "0?":
            text = "0"  # as json_cli_options prints --mem=0
        elif text == "no-requeue":
            name = text
        try:
            taken = options.set(name, text, early=True)
        except OptionError as err:
            raise UsageError(f"--options: {err.message}") from err
        if not taken:
            raise UsageError(f"--options: {options.command} does not take --{name}={text}")


def _read_options(path: str | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    document = read_file(path)
    if not isinstance(document, Mapping):
        raise UsageError(f"{path}: an object of options by their long names is expected")
    if not isinstance(document.get("argv", []), list):
        raise UsageError(f"{path}: argv: a list is expected")
    return document


def _options_json(options: Options) -> str:
    document = {**options.given(), "argv": options.argv}
    return _compact(document)


def _env_json(environment: Mapping[str, str]) -> str:
    return _compact({k: v for k, v in environment.items() if not k.startswith(_HIDDEN)})


def _compact(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return text.replace("/", "\\/")  # as json-c writes it


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Have variables in this process's environment, where ``os.getenv`` finds them."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
