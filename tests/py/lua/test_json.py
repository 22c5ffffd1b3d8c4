"""The codec of `require 'json'`, in every dialect."""

from __future__ import annotations

import json

import pytest

from scrun.errors import ScriptError
from scrun.lua.engines import DIALECTS
from scrun.lua.runtime import Runtime


@pytest.fixture(params=list(DIALECTS))
def runtime(request: pytest.FixtureRequest) -> Runtime:
    return Runtime(request.param)


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


def test_other_codecs_by_their_usual_calls(runtime: Runtime) -> None:
    source = b"""
    local cjson, safe, dk = require 'cjson', require 'cjson.safe', require 'dkjson'
    local none, why = safe.decode('{')
    assert(none == nil and why)
    assert(cjson.decode('null') == cjson.null)
    local v, place, problem = dk.decode('[1', 1)
    assert(v == nil and problem)
    assert(dk.decode('[7]', 1, nil)[1] == 7)
    return dk.encode({ 1 }, { indent = true })
    """
    assert runtime.execute(source) == b"[\n  1\n]"


def test_no_cycles_no_functions(runtime: Runtime) -> None:
    with pytest.raises(ScriptError, match="contains itself"):
        through(runtime, "[]", "v[1] = v")
    with pytest.raises(ScriptError, match="function"):
        through(runtime, "[]", "v[1] = print")
