"""features, checkpoint and restore: what there is, and what there is not."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.py.lifecycle.runtimes import Runtime
from tests.py.lifecycle.schemas import check


def test_features(runtime: Runtime) -> None:
    """It validates, and does not promise what a node's container does not get."""
    done = runtime("features")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    check(document, "features-schema.json")
    assert document["ociVersionMin"] == "1.0.0"
    annotations = document["annotations"]
    assert annotations["org.opencontainers.runc.checkpoint.enabled"] == "false"
    if runtime.name == "slurm":
        assert annotations["scrun.backend"] == "slurm"
        assert document["hooks"] == ["startContainer", "poststart", "poststop"]
        assert document["linux"]["apparmor"] == {"enabled": False}
        assert "seccomp" not in document["linux"]  # the node's runtime knows
    else:
        assert annotations["scrun.backend"] == "local"


def test_features_of_a_site(runtime: Runtime) -> None:
    """A site that lets hooks through says so by the same override."""
    runtime.write_site(
        "scrun.d/oci/hooks.lua",
        "local hooks = require 'luastd.oci.hooks'\nhooks.unwanted = {}\nreturn hooks\n",
    )
    document = json.loads(runtime("features").stdout)
    check(document, "features-schema.json")
    if runtime.name == "slurm":
        assert document["hooks"][0] == "prestart"


@pytest.mark.parametrize("verb", ["checkpoint", "restore"])
def test_what_is_refused(runtime: Runtime, verb: str) -> None:
    """One line that says why; options are accepted as runc has them, before and after the ID."""
    options = ["--image-path", "/i", "--work-path=/w", "--tcp-established", "--file-locks"]
    done = runtime(verb, *options, "web", "--empty-ns", "network")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1 and f"cannot {verb}" in done.stderr


def test_a_site_can_do_it(runtime: Runtime) -> None:
    """verbs/checkpoint.lua is policy as any other verb's."""
    runtime.write_site(
        "scrun.d/verbs/checkpoint.lua",
        "return { run = function(facts) return true, 'saved ' .. facts.id end }\n",
    )
    done = runtime("checkpoint", "web")
    assert (done.returncode, done.stdout) == (0, "saved web\n")


def test_spec_without_rights(runtime: Runtime) -> None:
    """The directory is not there, or not ours to write: one line."""
    done = runtime("spec", "--bundle", "/nowhere")
    assert done.returncode == 1
    assert done.stderr == "scrun: spec: write /nowhere/config.json: no such file or directory\n"


def test_spec_is_rootless_on_request(runtime: Runtime) -> None:
    """And by default for an ordinary user, whose only ID it maps."""
    bundle = runtime.make_bundle("exit 0")
    given = json.loads(bundle.read("config.json"))
    for number, options in enumerate(([], ["--rootless"])):
        path = f"{bundle.path}/spec-{number}"
        assert runtime("spec", *options, "--file", path).returncode == 0
        config = json.loads(bundle.read(f"spec-{number}"))
        check(config, "config-schema.json")
        mappings = config["linux"].get("uidMappings", [])
        if options or "uidMappings" in given["linux"]:
            assert [(m["containerID"], m["size"]) for m in mappings] == [(0, 1)]
            assert {"type": "user"} in config["linux"]["namespaces"]
        else:
            assert mappings == []


def test_features_without_an_environment(runtime: Runtime) -> None:
    """dockerd calls it with its own environment and nothing on stdin (engine-calls 2.3)."""
    conf = [f"SLURM_CONF={runtime.home}/none"] if runtime.name != "slurm" else []
    process = runtime.popen(
        ["env", "-i", *conf, *runtime.program, "features"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        cwd="/",
    )
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    check(json.loads(out), "features-schema.json")
