"""The site's script: loading, stage functions, the slurm table, the host module."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scrun.errors import ScriptError
from scrun.lua import LocalHost, SiteScript
from scrun.lua.engines import DIALECTS
from scrun.lua.search import SearchPath

CHECKOUT = Path(__file__).resolve().parents[3]
EXAMPLE = Path(
    os.environ.get("SCRUN_MANUAL_EXAMPLE", CHECKOUT.parent / "shared/manual-example-scrun.lua")
)
STUBS = "function slurm_scrun_stage_in() {0} end function slurm_scrun_stage_out() end "


class Host(LocalHost):
    """A LocalHost that remembers what was logged."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.lines: list[tuple[int, str]] = []

    def log(self, level: int, message: bytes) -> None:
        self.lines.append((level, message.decode()))


@pytest.fixture(params=list(DIALECTS))
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def make(tmp_path: Path, text: str, dialect: str = "5.4", host: Host | None = None) -> SiteScript:
    script = tmp_path / "scrun.lua"
    script.write_text(text)
    settings = SimpleNamespace(dialect=dialect, lua_memory_bytes=0, stage="shared")
    search = SearchPath(str(tmp_path))
    return SiteScript(host or Host(), script=str(script), search=search, settings=settings)


def stage_in(site: SiteScript, bundle: Path, job_env: list[bytes] | None = None) -> None:
    site.stage_in(
        id="web",
        bundle=str(bundle),
        spool_dir=str(bundle),
        config_file=f"{bundle}/config.json",
        job_id=7,
        user_id=os.getuid(),
        group_id=os.getgid(),
        job_env=job_env or [b"A=1", b"B=2"],
        context={},
    )


def check(tmp_path: Path, dialect: str, body: str, host: Host | None = None) -> Host:
    """Run ``body`` as the stage-in of (id, ..., job_env)."""
    host = host or Host()
    parameters = "id, bundle, spool_dir, config_file, job_id, user_id, group_id, job_env"
    text = f"function slurm_scrun_stage_out() end\nfunction slurm_scrun_stage_in({parameters})\n"
    site = make(tmp_path, f"{text}{body}\nreturn 0 end", dialect, host)
    site.load()
    stage_in(site, tmp_path)
    return host


def test_values(tmp_path: Path, dialect: str) -> None:
    check(
        tmp_path,
        dialect,
        """
        assert('job' .. job_id == 'job7')
        assert(job_env[0] == 'A=1' and job_env[1] == 'A=1' and #job_env == 2)
        local n = 0
        for _ in ipairs(job_env) do n = n + 1 end
        for _ in pairs(job_env) do n = n + 1 end
        assert(n == 4)
        assert(slurm.SUCCESS == 0 and slurm.ERROR == -1 and slurm.INFINITE == 4294967295)
        assert(slurm.ESLURM_INVALID_PARTITION_NAME == 2000 and slurm.no_such == nil)
        assert(slurm.CLUSTER_NAME == 'local')
        assert(slurm.from_json('{"a":null}').a == slurm.null)
        assert(select('#', slurm.get_qos_priority('x')) == 0)
        local status, output = slurm.allocator_command('echo hi; echo ho >&2; exit 3')
        assert(status == 3 and output == 'hi\\nho\\n')
        status = slurm.allocator_command('kill -9 $$')
        assert(status == 137)
        assert(slurm.set_bundle_path('/b') == nil)
        """,
    )


VECTORS = {
    **{"0": 0, "60": 60, "5:00": 5, "5:30": 6, "0:01": 1, "1:2:3": 63, "24:00:00": 1440},
    **{"1-": 1440, "1-0": 1440, "1-12": 2160, "1-2:3": 1563, "1-2:3:4": 1564},
    **{"7-00:00:00": 10080, "5-30": 9000, "90:90": 92, "0:0:61": 2, "-0": 0, "-5": -7199},
    **{"-1": -1, "infinite": -1, "Unlimited": -1},
    **dict.fromkeys(["", "abc", " 5", "5 ", "+5", "5m", "1:", ":5", "::5", "5::", "1-2-3"], -2),
    **dict.fromkeys(["1:2-3", "1:2:3:4", "--1", "1-2:3:", "1.5", "NONE"], -2),
}


def test_time_str2mins(tmp_path: Path, dialect: str) -> None:
    lines = [
        f"assert(slurm.time_str2mins('{text}') == {value}, '{text}: ' .. "
        f"slurm.time_str2mins('{text}'))"
        for text, value in VECTORS.items()
    ]
    check(tmp_path, dialect, "\n".join(lines))


def test_log_levels(tmp_path: Path, dialect: str) -> None:
    body = """
    slurm.log(0, 'a') slurm.log('b', 2) slurm.log(-1, 'dropped') slurm.log(9, 'c')
    slurm.log_error('%s-%d', 'd', 3) slurm.log_info('100%') slurm.log('one')
    """
    host = check(tmp_path, dialect, body)
    texts = [(3, "a"), (5, "b"), (8, "c"), (2, "d-3"), (3, "100%"), (3, "one")]
    assert host.lines == [(level, f"lua: {text}") for level, text in texts]


def test_host_module(tmp_path: Path, dialect: str) -> None:
    body = """
    local host = require 'host'
    local dir = spool_dir .. '/d/e'
    assert(host.make_dirs(dir))
    assert(host.write_file(dir .. '/f', 'x\\0y'))
    assert(host.read_file(dir .. '/f') == 'x\\0y')
    assert(host.stat(dir .. '/f').type == 'file' and host.stat(dir).mode == 448)
    assert(host.list_dir(dir)[1] == 'f')
    local none, message, code = host.read_file(dir .. '/none')
    assert(none == nil and code == 'ENOENT' and message:find 'none')
    local status, output = host.run { 'echo', 'a b', 1 }
    assert(status == 0 and output == 'a b 1\\n')
    assert(host.run { '/no/such' } == 127)
    assert(os.execute('ln -s ' .. spool_dir .. ' ' .. dir .. '/link'))
    assert(host.remove_tree(spool_dir .. '/d') and not host.stat(spool_dir .. '/d'))
    assert(host.stat(spool_dir))
    """
    check(tmp_path, dialect, body)
    assert (tmp_path / "scrun.lua").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("return 1", r"scrun\.lua: returned 1 on load"),
        ("return '2'", r"returned 2 on load"),
        ("return", r"required function\(s\) not present"),
        ("\nx.y = 1", r"scrun\.lua:2: .*nil value"),
        ("x x", r"scrun\.lua:1: "),
    ],
)
def test_load_failures(tmp_path: Path, dialect: str, text: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        make(tmp_path, text, dialect).load()


def test_missing_script(tmp_path: Path) -> None:
    site = SiteScript(Host(), script=f"{tmp_path}/none.lua", search=SearchPath(None))
    with pytest.raises(ScriptError, match=r"Unable to stat .*none\.lua: No such file"):
        site.load()


@pytest.mark.parametrize(("value", "fails"), [("1", True), ("'3'", True), ("0.5", False)])
def test_return_codes(tmp_path: Path, value: str, fails: bool) -> None:
    site = make(tmp_path, STUBS.format(f"return {value}"))
    site.load()
    if fails:
        with pytest.raises(ScriptError, match="slurm_scrun_stage_in returned"):
            stage_in(site, tmp_path)
    else:
        stage_in(site, tmp_path)


def test_no_return_code_is_success_and_said(tmp_path: Path) -> None:
    host = Host()
    site = make(tmp_path, STUBS.format(""), host=host)
    site.load()
    stage_in(site, tmp_path)
    assert "non-numeric return code" in host.lines[0][1]


@pytest.mark.parametrize("loop", ["while true do end", "while true do slurm.log(0, 'x') end"])
def test_cancel_ends_a_loop(tmp_path: Path, loop: str) -> None:
    site = make(tmp_path, STUBS.format(loop))
    site.load()
    timer = threading.Timer(0.1, site.cancel)
    timer.start()
    with pytest.raises(ScriptError, match="cancelled"):
        stage_in(site, tmp_path)
    timer.join()


@pytest.mark.skipif(not EXAMPLE.exists(), reason="the manual's example is not at hand")
def test_the_manuals_example(tmp_path: Path, dialect: str) -> None:
    config = {
        "ociVersion": "1.2.0",
        "root": {"path": "rootfs"},
        "process": {"user": {"uid": 5, "additionalGids": [1]}, "env": ["P=1"], "rlimits": []},
        "hooks": {"prestart": [{"path": "/x"}]},
        "mounts": [{"destination": "/dev", "type": "tmpfs", "options": ["gid=5", "ro"]}],
        "linux": {"namespaces": [{"type": "pid"}], "resources": {}, "maskedPaths": []},
    }
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "config.json").write_text(json.dumps(config))
    text = EXAMPLE.read_text().replace('"/run/user/"', f'"{tmp_path}/run/"')
    host = Host(bundle=str(tmp_path).encode())
    site = make(tmp_path, text, dialect, host)
    site.load()
    stage_in(site, tmp_path)
    assert host.bundle is not None
    staged = json.loads((Path(host.bundle.decode()) / "config.json").read_text())
    assert staged["process"]["env"] == ["P=1", "A=1", "B=2"]
    assert staged["process"]["user"] == {"uid": 5}
    assert staged["linux"]["resources"] == {} and staged["linux"]["maskedPaths"] == []
    assert staged["linux"]["uidMappings"] == [{"containerID": 5, "hostID": os.getuid(), "size": 1}]
    assert staged["hooks"] == {} and staged["mounts"][0]["options"] == ["ro"]
