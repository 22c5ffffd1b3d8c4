"""oci.conf: the syntax slurmstepd reads, what each key means, and what is refused or warned of."""

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrun.errors import ConfigError
from scrun.oci.oci_conf import OciConf, read_oci_conf
from scrun.oci.patterns import PatternValues, expand_command, expand_path, quote_word
from scrun.oci.slurm_conf import join_lines, split_setting

ReadConf = Callable[..., OciConf]


@pytest.fixture
def read_conf(tmp_path: Path) -> ReadConf:
    def read(text: str, warnings: list[str] | None = None) -> OciConf:
        path = tmp_path / "oci.conf"
        path.write_text(text)

        def warn(message: str) -> None:
            assert warnings is not None, message
            warnings.append(message)

        conf = read_oci_conf(str(path), warn)
        assert conf is not None
        return conf

    return read


def refuse(read_conf: ReadConf, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read_conf(text)
    assert caught.value.code == "BAD_CONFIG"
    return caught.value.message


# The file that a real cluster was seen to work with (crun, rootless, no cgroup manager).
WORKING = r"""
EnvExclude="^(SLURM_CONF|SLURM_CONF_SERVER)="
RunTimeEnvExclude="^(SLURM_CONF|SLURM_CONF_SERVER)="
RunTimeQuery="crun --rootless=true --root=/run/user/%U/ state %n.%u.%j.%s.%t"
RunTimeKill="crun --rootless=true --root=/run/user/%U/ kill %n.%u.%j.%s.%t KILL"
RunTimeDelete="crun --rootless=true --root=/run/user/%U/ delete --force %n.%u.%j.%s.%t"
RunTimeRun="crun --rootless=true --root=/run/user/%U/ run --bundle %b %n.%u.%j.%s.%t"
"""


def make_values(**changes: object) -> PatternValues:
    values: dict[str, object] = {
        "bundle": "/b",
        "rootfs": "/b/rootfs",
        "spool_dir": "/spool",
        "job_id": 7,
        "user": "alice",
        "uid": 1000,
        "node": "n1",
        "step_id": 2,
        "task_id": 3,
        "pid": 4711,
        "args": ["sh", "-c", "echo it's $HOME"],
    }
    values.update(changes)
    return PatternValues(**values)  # type: ignore[arg-type]


def test_a_working_file_is_understood(read_conf: ReadConf) -> None:
    conf = read_conf(WORKING)
    assert conf.runtime_style() == "run"
    assert conf.runtime_run is not None
    assert expand_command(conf.runtime_run, make_values()) == (
        "crun --rootless=true --root=/run/user/1000/ run --bundle /b n1.alice.7.2.3"
    )
    env = ["SLURM_CONF=/etc/x", "SLURM_JOB_ID=7", "PATH=/bin"]
    assert conf.filter_env(env) == conf.filter_runtime_env(env) == ["SLURM_JOB_ID=7", "PATH=/bin"]


def test_no_file_is_none(tmp_path: Path) -> None:
    assert read_oci_conf(str(tmp_path / "oci.conf"), print) is None


def test_keys_have_any_case_and_values_their_kind(read_conf: ReadConf) -> None:
    conf = read_conf(
        "CONTAINERPATH=/x/%j/%s\nCreateEnvFile=TRUE\ndebugflags=Script,Gres\nDisableCleanup=Yes\n"
        "DisableHooks=prestart,createRuntime\nIgnoreFileConfigJson=1\nFileDebug=Debug2\n"
        "StdIODebug=4\nSyslogDebug=quiet\nSrunPath=/usr/bin/srun\nMountSpoolDir=/var/run/slurm/\n"
    )
    assert (conf.container_path, conf.create_env_file) == ("/x/%j/%s", "null")
    assert (conf.debug_flags, conf.disable_cleanup) == (["Script", "Gres"], True)
    assert conf.disable_hooks == ["prestart", "createRuntime"] and conf.ignore_config_json
    assert (conf.file_debug, conf.stdio_debug, conf.syslog_debug) == ("debug2", "verbose", "quiet")
    assert (conf.srun_path, conf.mount_spool_dir) == ("/usr/bin/srun", "/var/run/slurm/")


def test_an_empty_file_sets_nothing(read_conf: ReadConf) -> None:
    conf = read_conf("")
    assert conf.runtime_style() is None and conf.srun_args == [] and conf.env_exclude is None
    assert conf.create_env_file == "disabled"
    assert conf.filter_env(["A=1"]) == ["A=1"]


def test_srun_args_add_up_one_per_line(read_conf: ReadConf) -> None:
    """oci.conf(5): "Add one SrunArgs entry per argument"."""
    conf = read_conf('SrunArgs=--mpi=none\nSrunArgs="--comment=two words"\n')
    assert conf.srun_args == ["--mpi=none", "--comment=two words"]


def test_unknown_and_repeated_keys_are_warned_of(read_conf: ReadConf) -> None:
    warnings: list[str] = []
    conf = read_conf("SrunPath=/a\nNewKey=x\nsrunpath=/b\n", warnings)
    assert conf.srun_path == "/b"
    assert ":2: unknown key NewKey" in warnings[0]
    assert warnings[1].endswith("this value counts") and ":3: " in warnings[1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("SrunPath=/a # comment", "/a"),
        ('SrunPath="/a b"  # comment', "/a b"),
        ("  SrunPath \t=  /a  ", "/a"),
        ("SrunPath=/a\\\nb", "/ab"),
        ("SrunPath=/a\\ \nb", "/ab"),
        ("SrunPath=\\\n  /a", "/a"),
        ('SrunPath="/a \\\n b"', "/a  b"),
        ("SrunPath=/a\\#b", "/a#b"),
        ("SrunPath=/a\\\\b", "/a\\b"),
        ("SrunPath=/a\\\\", "/a\\"),
        ("SrunPath=/a\\\\#b", "/a\\"),
        ('SrunPath=""', ""),
        ("SrunPath=a=b", "a=b"),
        ("SrunPath+=/a", "/a"),
        ('SrunPath="/a', '"/a'),
        ('SrunPath="a"b', '"a"b'),
        ('SrunPath="a#b"', '"a'),  # a comment begins inside quotes too
        ("SrunPath=/a\r", "/a"),
    ],
)
def test_the_syntax_is_slurms(read_conf: ReadConf, text: str, value: str) -> None:
    assert read_conf(f"{text}\nDisableCleanup=no\n").srun_path == value


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("\nSrunPath", "oci.conf:2: expected Key=Value, found 'SrunPath'"),
        ("SrunPath=", "expected Key=Value"),
        ("SrunPath=/a /b", "expected Key=Value"),
        ("SrunPath=/a FileDebug=info", "expected Key=Value"),
        ('SrunPath="a" b', "expected Key=Value"),
        ("Srun Path=/a", "expected Key=Value"),
        ("FileDebug=loud", "oci.conf:1: FileDebug: 'loud' is no log level"),
        ("DisableCleanup=maybe", "expected true or false"),
        ("CreateEnvFile=maybe", "expected null, newline or disabled"),
        ("Include *.conf", "patterns are not supported"),
        ("Include oci.conf", "include one another"),
        ("Include nope.conf", "nope.conf: no such file"),
    ],
)
def test_what_slurmstepd_rejects_is_refused(read_conf: ReadConf, text: str, fault: str) -> None:
    assert fault in refuse(read_conf, text)


def test_an_include_stands_where_it_is(read_conf: ReadConf, tmp_path: Path) -> None:
    (tmp_path / "more.conf").write_text("SrunArgs=2\nSrunArgs=3\n")
    conf = read_conf("SrunArgs=1\ninclude more.conf\nSrunArgs=4\n")
    assert conf.srun_args == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("keys", "style"),
    [
        ("Run Kill Delete", "run"),
        ("Run Kill Delete Query", "run"),
        ("Create Start Kill Delete Query", "create"),
        ("", None),
        ("Run", ConfigError),
        ("Run Create Start Kill Delete Query", ConfigError),
        ("Create Start Kill Delete", ConfigError),
        ("Create Kill Delete Query", ConfigError),
    ],
)
def test_the_runtime_is_run_or_created_and_started(
    read_conf: ReadConf, keys: str, style: str | type[ConfigError] | None
) -> None:
    conf = read_conf("".join(f"RunTime{key}=/bin/true\n" for key in keys.split()))
    if style is ConfigError:
        with pytest.raises(ConfigError, match="RunTimeRun"):
            conf.runtime_style()
    else:
        assert conf.runtime_style() == style


def test_a_bad_expression_names_its_key(read_conf: ReadConf) -> None:
    conf = read_conf('EnvExclude="("\n')
    with pytest.raises(ConfigError, match=r"EnvExclude: regular expression '\('"):
        conf.filter_env(["A=1"])


texts = st.text(st.characters(blacklist_characters='\0\n\r"#\\', blacklist_categories=["Cs"]))


@given(texts)
def test_any_quoted_value_comes_back(value: str) -> None:
    assert split_setting(f'Key="{value}"') == ("Key", value)


@given(st.text(st.sampled_from('ab #\\" =')))
def test_an_escaped_line_comes_back(value: str) -> None:
    escaped = value.replace("\\", "\\\\").replace("#", "\\#")
    expected = [(1, value)] if value.strip() else []
    assert list(join_lines([escaped])) == expected


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("%b|%e|%j|%m", "/b|/spool/environment|7|/spool"),
        ("%n.%u.%j.%s.%t", "n1.alice.7.2.3"),
        ("%p %r %U", "4711 /b/rootfs 1000"),
        ("100%% %%b %%%b", "100% %b %/b"),
        ("", ""),
    ],
)
def test_every_letter_has_its_value(pattern: str, text: str) -> None:
    assert expand_path(pattern, make_values()) == text
    assert expand_command(pattern, make_values()) == text


@pytest.mark.parametrize("pattern", ["%x", "%", "a%%%", "% b"])
def test_an_unknown_letter_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match="has no meaning"):
        expand_path(pattern, make_values())


def test_what_is_not_known_has_slurms_stand_ins() -> None:
    values = make_values(pid=None, args=None)
    assert expand_command("%p %@", values) == "4294967295 '/bin/false'"


def run_shell(command: str) -> list[str]:
    script = f"exec printf '%s\\0' {command}"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True)
    return done.stdout.decode(errors="surrogateescape").split("\0")[:-1]


@pytest.mark.parametrize("value", ["/a b", "it's", 'say "x"', "$HOME `id` \\ ;|&", "a\nb", "%j"])
def test_odd_values_reach_the_runtime_whole(value: str) -> None:
    """Where slurmstepd would split or run a path with blanks and quotes, we quote it."""
    values = make_values(bundle=value, args=["x", value])
    assert run_shell(expand_command("%b", values)) == [value]
    assert run_shell(expand_command("'<%b>'", values)) == [f"<{value}>"]
    assert run_shell(expand_command('"<%b>" --x=%b/y', values)) == [f"<{value}>", f"--x={value}/y"]
    assert run_shell(expand_command("%@", values)) == ["x", value]
    assert run_shell(expand_command("\\'%b", values)) == ["'" + value]
    assert expand_path("/m/%b", values) == f"/m/{value}"


@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])))
def test_quoted_words_have_no_open_quote(word: str) -> None:
    assert shlex.split(quote_word(word)) == [word]
