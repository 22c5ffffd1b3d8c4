"""The ``slurm`` table, function by function, in every dialect.

Source: Slurm, src/lua/slurm_lua.c and src/scrun/lua.c of 24.05 to 26.05; scrun(1).
"""

from __future__ import annotations

import json

import pytest

from scrun.errors import ScriptError
from tests.py.lua.conftest import DATA, Site

FUNCTIONS = (
    *("log", "error", "log_error", "log_info", "log_verbose", "log_debug", "log_debug2"),
    *("log_debug3", "log_debug4", "log_user", "user_msg", "time_str2mins", "get_qos_priority"),
    *("to_json", "from_json", "to_yaml", "from_yaml"),
    *("set_bundle_path", "set_root_path", "allocator_command", "remote_command"),
)
ERROR, INFO, VERBOSE, DEBUG, DEBUG2, DEBUG3, DEBUG4 = range(2, 9)  # scrun.log


def test_every_function_is_there(site: Site) -> None:
    names = ", ".join(f"'{name}'" for name in FUNCTIONS)
    site.run(f"for _, name in ipairs {{ {names} }} do assert(type(slurm[name]) == 'function') end")


def test_constants_are_those_of_all_versions(site: Site) -> None:
    """tests/data/slurm-constants.json: what gcc made of the macros of Slurm 23.11 to 26.11."""
    wanted = json.loads((DATA / "slurm-constants.json").read_text())
    script = site.run("assert(slurm.no_such_name == nil)")
    table = script._runtime.get("slurm")
    found = {name: table[name.encode()] for name in wanted}
    assert {name: float(value) for name, value in found.items()} == {
        name: float(value) for name, value in wanted.items()
    }


def test_whole_numbers_are_integers(site: Site) -> None:
    """DESIGN 4: ``"job" .. job_id`` is job7, not job7.0."""
    site.run(
        """
        assert('job' .. job_id == 'job7')
        assert(not tostring(user_id):find '%.' and not tostring(group_id):find '%.')
        assert(tostring(slurm.ERROR) == '-1' and tostring(slurm.NO_VAL) == '4294967294')
        assert(tostring(slurm.time_str2mins '5:30') == '6')
        assert(tostring((slurm.allocator_command 'exit 3')) == '3')
        assert(slurm.to_json { uid = 1000 } == '{\\n  "uid": 1000\\n}')
        """
    )


def test_job_env_counts_from_one_and_knows_zero(site: Site) -> None:
    """DESIGN 4: ipairs sees all of it; index 0 answers as C would, and is not iterated."""
    site.run(
        """
        assert(job_env[0] == 'A=1' and job_env[1] == 'A=1' and job_env[2] == 'B=2')
        assert(#job_env == 2 and job_env[3] == nil and job_env[-1] == nil)
        local seen = {}
        for _, entry in ipairs(job_env) do seen[#seen + 1] = entry end
        for _, entry in pairs(job_env) do seen[#seen + 1] = entry end
        assert(table.concat(seen, ' ') == 'A=1 B=2 A=1 B=2')
        assert(slurm.to_json(job_env) == '[\\n  "A=1",\\n  "B=2"\\n]')
        """
    )


def test_empty_job_env(site54: Site) -> None:
    script = site54.make(
        "function slurm_scrun_stage_out() end\n"
        "function slurm_scrun_stage_in(...)\n"
        "  local env = select(8, ...) assert(env[0] == nil and #env == 0) return 0 end"
    )
    site54.stage_in(script, job_env=[])


# -- logging ------------------------------------------------------------------------------------


def test_log_levels(site: Site) -> None:
    """0 info … 4 debug3, above debug4, below dropped; cut to an integer, no number is 0."""
    site.run(
        """
        for level = -1, 7 do slurm.log(level, level) end
        slurm.log('2', 'text') slurm.log(1.9, 'cut') slurm.log(-0.5, 'zero') slurm.log({}, 'none')
        slurm.log(1e300, 'much') slurm.log(0/0, 'nan')
        """
    )
    numbers = [INFO, VERBOSE, DEBUG, DEBUG2, DEBUG3, DEBUG4, DEBUG4, DEBUG4]
    wanted = [(level, f"lua: {n}") for n, level in enumerate(numbers)]
    texts = ((DEBUG, "text"), (VERBOSE, "cut"), (INFO, "zero"), (INFO, "none"), (DEBUG4, "much"))
    assert site.host.lines == [*wanted, *((level, f"lua: {text}") for level, text in texts)]


def test_log_takes_both_orders(site: Site) -> None:
    """The manual says (MSG, LEVEL), C takes (LEVEL, MSG): by type."""
    site.run("slurm.log('manual', 2) slurm.log(3, 'code') slurm.log('42', 1) slurm.log(1, 2)")
    texts = ((DEBUG, "manual"), (DEBUG2, "code"), (VERBOSE, "42"), (VERBOSE, "2"))
    assert site.host.lines == [(level, f"lua: {text}") for level, text in texts]


def test_arguments_count_from_the_end(site: Site) -> None:
    site.run(
        """
        slurm.log('ignored', 1, 'a') slurm.log 'alone' slurm.log() slurm.log(nil)
        slurm.error('ignored', 'b') slurm.error() slurm.error(nil) slurm.error '100% as it is'
        slurm.user_msg('ignored', 'c')
        assert(slurm.time_str2mins('ignored', '5') == 5 and slurm.time_str2mins(5) == 5)
        assert(slurm.time_str2mins() == -2 and slurm.time_str2mins(nil) == -2)
        assert(slurm.to_json('ignored', false) == 'false' and slurm.to_json() == 'null')
        assert(slurm.from_json('ignored', '7') == 7)
        local _, output = slurm.allocator_command('ignored', 'echo hi')
        assert(output == 'hi\\n')
        slurm.set_bundle_path('ignored', '/b')
        """
    )
    texts = [(VERBOSE, "a"), (INFO, "alone"), (INFO, "(null)"), (INFO, "(null)")]
    texts += [(ERROR, "b"), (ERROR, "(null)"), (ERROR, "(null)"), (ERROR, "100% as it is")]
    assert site.host.lines == [(level, f"lua: {text}") for level, text in texts]
    assert site.host.told == ["c"]
    assert site.host.bundle == b"/b"


def test_log_functions_format(site: Site) -> None:
    site.run(
        """
        slurm.log_error('%s-%d', 'd', 3) slurm.log_info('%u %s', 4, 'x') slurm.log_verbose(5)
        slurm.log_debug('x=%s', tostring(nil)) slurm.log_debug2('100%') slurm.log_debug3 '%%'
        slurm.log_debug4('%5.1f', 1.25) slurm.log_user('%d jobs', 2)
        """
    )
    texts = [(ERROR, "d-3"), (INFO, "4 x"), (VERBOSE, "5"), (DEBUG, "x=nil"), (DEBUG2, "100%")]
    texts += [(DEBUG3, "%"), (DEBUG4, "  1.2")]
    assert site.host.lines == [(level, f"lua: {text}") for level, text in texts]
    assert site.host.told == ["2 jobs"]


def test_log_functions_follow_the_global_table(site: Site) -> None:
    """C looks slurm.log up at each call: a script that replaces it redirects all log_*."""
    site.run(
        """
        local seen = {}
        function slurm.log(level, text) seen[#seen + 1] = level .. text end
        slurm.log_info 'a' slurm.log_debug4 'b'
        slurm = { log = slurm.log, log_verbose = slurm.log_verbose }
        slurm.log_verbose 'c'
        assert(table.concat(seen, ' ') == '0a 5b 1c')
        """
    )
    assert site.host.lines == []


@pytest.mark.parametrize(
    "call", ["log_info('%d', 'x')", "log_user()", "log_error(nil)", "log_debug('%s %s', 1)"]
)
def test_format_errors_name_the_scripts_line(site: Site, call: str) -> None:
    """In C the error is at ``[string "slurm.log (0, string.format…"]:1``."""
    with pytest.raises(ScriptError) as caught:
        site.run(f"\n\nslurm.{call}")
    assert str(caught.value).startswith(f"{site.script}:5: bad argument #")


def test_errors_of_table_functions_name_the_scripts_line(site: Site) -> None:
    for call in (
        *("allocator_command()", "allocator_command({})", "from_json('{')", "from_yaml(nil)"),
        *("to_json(print)", "remote_command('x', { timeut = 1 })"),
    ):
        with pytest.raises(ScriptError) as caught:
            site.run(f"\nslurm.{call}")
        assert str(caught.value).startswith(f"{site.script}:4: "), call
        assert str(caught.value).count("scrun.lua") == 1, call


def test_backtrace_function(site: Site) -> None:
    """25.11: global slurm_backtrace_on_error, for xpcall; answers with the message."""
    site.run(
        """
        local function broken() error('no luck', 0) end
        local ok, message = xpcall(broken, slurm_backtrace_on_error)
        assert(ok == false and message == 'no luck')
        """
    )
    ((level, text),) = site.host.lines
    assert level == DEBUG and "no luck" in text and "scrun.lua:4" in text


# -- time and QOS -------------------------------------------------------------------------------

VECTORS = {
    **{"0": 0, "60": 60, "5:00": 5, "5:30": 6, "0:01": 1, "1:2:3": 63, "24:00:00": 1440},
    **{"1-": 1440, "1-0": 1440, "1-12": 2160, "1-2:3": 1563, "1-2:3:4": 1564},
    **{"7-00:00:00": 10080, "5-30": 9000, "90:90": 92, "0:0:61": 2, "-0": 0, "-5": -7199},
    **{"-1": -1, "infinite": -1, "Unlimited": -1, "INFINITE": -1, "UNLIMITED": -1},
    **dict.fromkeys(["", "abc", " 5", "5 ", "+5", "5m", "1:", ":5", "::5", "5::", "1-2-3"], -2),
    **dict.fromkeys(["1:2-3", "1:2:3:4", "--1", "1-2:3:", "1.5", "NONE", "-", ":", "1-:5"], -2),
    **dict.fromkeys(["-5:30", "1-2:3:4:5", "5-:", "0x10", "1e3"], -2),
    **dict.fromkeys(["9" * 19, "9" * 400, f"{'9' * 30}-1", f"{'9' * 18}:0"], 2147483647),
    f"-{'9' * 30}": -2147483647,
}


def test_time_str2mins(site: Site) -> None:
    """-1 infinite, -2 invalid, seconds rounded up, overflow clamped."""
    wanted = json.dumps(VECTORS)
    site.run(
        f"""
        for text, minutes in pairs(slurm.from_json [[{wanted}]]) do
          local found = slurm.time_str2mins(text)
          assert(found == minutes, text .. ': ' .. found)
        end
        """
    )


def test_qos_priority(site: Site) -> None:
    """A number, or no value at all and a line at error."""
    site.host.qos_priority = lambda name: 7 if name == b"high" else None  # type: ignore[method-assign]
    site.run(
        """
        assert(slurm.get_qos_priority 'high' == 7)
        assert(select('#', slurm.get_qos_priority 'x') == 0)
        """
    )
    assert site.host.lines == [(ERROR, "lua: Invalid QOS name: x")]


# -- paths --------------------------------------------------------------------------------------


def test_set_paths_return_the_original_each_time(site: Site) -> None:
    site.host.orig_root_path = b"/orig/rootfs"
    site.run(
        """
        assert(slurm.set_bundle_path '/one' == bundle)
        assert(slurm.set_bundle_path '/two' == bundle)
        assert(slurm.set_root_path(7) == '/orig/rootfs')
        assert(slurm.set_root_path(nil) == '/orig/rootfs')
        """
    )
    assert (site.host.bundle, site.host.root_path) == (b"/two", None)


# -- JSON ---------------------------------------------------------------------------------------


def test_json_keeps_what_json_needs(site: Site) -> None:
    """C makes ``[]`` of an empty object, and floats of integers; see the fact sheet."""
    site.run(
        """
        local text = '{"hooks":{},"args":[],"n":null,"uid":1000,"z":1.5,"a":[null,1]}'
        local value = slurm.from_json(text)
        assert(value.n == slurm.null and value.hooks ~= nil and #value.args == 0)
        assert(tostring(value.uid) == '1000')
        assert(slurm.to_json(value):gsub('%s', '') == text)
        value.uid, value.new = nil, {}
        assert(slurm.to_json(value):gsub('%s', '') ==
          '{"hooks":{},"args":[],"n":null,"z":1.5,"a":[null,1],"new":[]}')
        """
    )


def test_json_errors_are_logged_and_raised(site: Site) -> None:
    site.run(
        """
        local ok, message = pcall(slurm.from_json, '{"a" 1}')
        assert(not ok and message:find 'Conversion from application/json failed: ', message)
        assert(message:find 'line 1, column 6', message)
        ok, message = pcall(slurm.to_json, { f = print })
        assert(not ok and message:find 'Conversion to application/json failed: ', message)
        """
    )
    assert [level for level, _ in site.host.lines] == [ERROR, ERROR]


def test_cluster_name(site: Site) -> None:
    site.run("assert(slurm.CLUSTER_NAME == 'local')")
