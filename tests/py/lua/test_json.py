"""The codec of `require 'json'`, in every dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scrun.errors import ScriptError
from scrun.lua import Runtime
from tests.py.lua.conftest import DATA


def through(runtime: Runtime, text: str, edit: str = "") -> str:
    source = f"local json = require 'json' local v = json.decode(...) {edit} return json.encode(v)"
    result = runtime.execute(source, "t", text.encode())
    assert isinstance(result, bytes)
    return result.decode()


@pytest.mark.parametrize(
    "text",
    [
        '{"z":{},"a":[],"m":[{}],"n":null,"l":[1,null]}',
        '{"limit":-1,"mode":448,"big":9007199254740993}'.replace("993", "992"),
        '["\\u0001 \\"\\\\\\n","é","\\u007f"]'.replace("\\u007f", "\\u007f"),
        "1.5",
        "true",
        '"\\u0000"',
        "18446744073709551615",
        "9223372036854775807",
    ],
)
def test_comes_back_as_it_was(runtime: Runtime, text: str) -> None:
    back = through(runtime, text)
    assert json.loads(back) == json.loads(text)
    assert back == json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False).replace(
        "\x7f", "\\u007f"
    )


def test_edits_keep_the_order(runtime: Runtime) -> None:
    edit = "v.b = nil v.new = 1000.0 v.c.list = {} v.also = json.object()"
    assert through(runtime, '{"z":1,"b":2,"c":{}}', edit) == (
        '{"z":1,"c":{"list":[]},"also":{},"new":1000}'
    )


@pytest.mark.parametrize("text", ["", "{", "[1,]", '{"a" 1}', "01", "1.", "nul", '"\n"', "[1] 2"])
def test_mistakes_have_a_place(runtime: Runtime, text: str) -> None:
    with pytest.raises(ScriptError, match=r"json: line \d+, column \d+: "):
        through(runtime, text)


def test_surrogates_and_unicode(runtime: Runtime) -> None:
    assert through(runtime, '"\\ud83d\\ude00\\u20ac"') == '"\U0001f600€"'


@pytest.mark.parametrize("codec", ["json", "cjson", "cjson.safe", "dkjson", "host.json"])
@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_config_of_an_engine_comes_back(runtime: Runtime, engine: str, codec: str) -> None:
    """What podman 5.4 and docker 20.10 wrote: {} and [] apart, integers, the order of keys."""
    text = (DATA / f"config-{engine}.json").read_text()
    source = "local json = require(...) return json.encode(json.decode(select(2, ...)))"
    back = runtime.execute(source, "t", codec, text)
    assert exactly(back.decode()) == exactly(text)


def exactly(text: str) -> Any:
    """JSON with the order of its keys, and floats told from integers."""
    return json.loads(text, object_pairs_hook=lambda pairs: ["object", *pairs], parse_float=str)


def test_the_data_has_what_is_to_be_kept() -> None:
    text = (DATA / "config-podman.json").read_text() + (DATA / "config-docker.json").read_text()
    assert '"resources":{}' in text and "4294967295" in text


def test_cjson(runtime: Runtime) -> None:
    """By lua-cjson's manual: an empty table is an object there; the switches are taken."""
    assert (
        runtime.execute(
            b"""
        local cjson = require 'cjson'
        assert(cjson.decode('null') == cjson.null and cjson.encode(cjson.null) == 'null')
        assert(cjson.encode {} == '{}' and cjson.encode(cjson.empty_array) == '[]')
        assert(cjson.encode(setmetatable({}, cjson.array_mt)) == '[]')
        assert(cjson.encode(cjson.decode '{"a":[],"b":{}}') == '{"a":[],"b":{}}')
        assert(require 'json'.encode {} == '[]')
        assert(not pcall(cjson.decode, '{') and not pcall(cjson.encode, print))
        local own = cjson.new()
        own.encode_sparse_array(true) own.encode_number_precision(14)
        own.encode_empty_table_as_object(false)
        assert(own.encode {} == '[]' and cjson.encode {} == '{}')
        local safe = require 'cjson.safe'
        local none, why = safe.decode '{'
        assert(none == nil and type(why) == 'string')
        none, why = safe.encode { print }
        assert(none == nil and type(why) == 'string')
        assert(safe.encode {} == '{}' and safe.new().decode '[1]'[1] == 1)
        return 'fine'
        """
        )
        == b"fine"
    )


def test_dkjson(runtime: Runtime) -> None:
    """decode: ``value, next place`` or ``nil, place, message``; null is what the caller says."""
    assert (
        runtime.execute(
            b"""
        local dk = require 'dkjson'
        local v, place, problem = dk.decode('[1', 1)
        assert(v == nil and place == 1 and problem)
        v, place = dk.decode('[7] rest')
        assert(v[1] == 7 and place == 4)
        assert(dk.decode('x [8]', 3)[1] == 8)
        v = dk.decode '{"a":null,"b":{"c":null},"d":1}'
        assert(v.a == nil and v.b.c == nil and v.d == 1)
        assert(dk.decode 'null' == nil and dk.decode('null', 1, 0) == 0)
        v = dk.decode('{"a":null,"l":[null]}', 1, dk.null)
        assert(v.a == dk.null and dk.encode(v) == '{"a":null,"l":[null]}')
        assert(dk.use_lpeg().decode == dk.decode and dk.quotestring 'a"' == [["a\\""]])
        assert(dk.encode({ 1 }, { indent = true }) == '[\\n  1\\n]')
        return 'fine'
        """
        )
        == b"fine"
    )


def test_a_hole_in_an_array_is_null(runtime: Runtime) -> None:
    """``list[2] = nil`` must not make an object of what was decoded as an array."""
    assert through(runtime, "[1,2,3]", "v[2] = nil") == "[1,null,3]"
    assert through(runtime, "[1,2,3]", "v[3] = nil") == "[1,2]"
    assert through(runtime, "[]", "v.name = 1") == '{"name":1}'
    assert through(runtime, "[]", "v[1000] = 1") == '{"1000":1}'
    assert through(runtime, '{"a":1}', "v.a = nil v[1] = 2") == '{"1":2}'


def test_null_reads_as_nothing(runtime: Runtime) -> None:
    """A script that looks into an absent member finds it empty, and cannot change it."""
    source = b"""
    local null = require 'json'.null
    local n = 0
    for _ in pairs(null) do n = n + 1 end
    for _ in ipairs(null) do n = n + 1 end
    assert(n == 0 and null.x == nil and tostring(null) == 'null')
    null.x = 1
    """
    with pytest.raises(ScriptError, match="attempt to change null"):
        runtime.execute(source)


def test_deep_text(runtime: Runtime) -> None:
    with pytest.raises(ScriptError, match=r"^t:1: json: line 1, column 202: nested too deeply"):
        runtime.execute("local v = require 'json'.decode(...) return v", "t", "[" * 100_000)


def test_lua_library_has_it(runtime: Runtime) -> None:
    """luastd.json: the same codec for stagers and verbs, which a site extends."""
    source = (
        b"return require 'luastd.json' == require 'json' and require 'scrun.json' == require 'json'"
    )
    assert runtime.execute(source) is True


def test_no_cycles_no_functions(runtime: Runtime) -> None:
    with pytest.raises(ScriptError, match="contains itself"):
        through(runtime, "[]", "v[1] = v")
    with pytest.raises(ScriptError, match="function"):
        through(runtime, "[]", "v[1] = print")
