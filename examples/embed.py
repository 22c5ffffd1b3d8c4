"""Stage a bundle in and out by a site's scrun.lua: no Slurm, no container, just the script.

    python examples/embed.py examples/embed.lua BUNDLE

Shows what the script logs, what it made of config.json and which paths it set. Another program can
do the same with a backend of its own: docs/embedding.md.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import sys
import tempfile
from pathlib import Path

from scrun.lua import DIALECTS, LocalHost, ScrunError, SiteScript


class PrintingHost(LocalHost):
    """Runs the script's commands on this machine and prints what it logs."""

    def log(self, level: int, message: bytes) -> None:
        print(f"  {message.decode(errors='replace')}", file=sys.stderr)


def read_pretty(path: Path) -> list[str]:
    """Return a JSON file as lines that can be compared."""
    return json.dumps(json.loads(path.read_text()), indent=2).splitlines()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("script", help="a site's scrun.lua")
    parser.add_argument("bundle", type=Path, help="a directory with config.json and rootfs")
    parser.add_argument("--dialect", choices=DIALECTS, default="5.4")
    given = parser.parse_args()

    bundle = given.bundle.resolve()
    before = read_pretty(bundle / "config.json")
    rootfs = str(bundle / json.loads((bundle / "config.json").read_text())["root"]["path"])
    host = PrintingHost(bundle=str(bundle), root_path=rootfs)
    try:
        script = SiteScript(host, script=given.script, dialect=given.dialect)
        script.load()
        with tempfile.TemporaryDirectory(prefix="embed-") as spool_dir:
            print("stage in", flush=True)
            script.stage_in(
                id="demo",
                bundle=str(bundle),
                spool_dir=spool_dir,
                job_id=1,
                job_env=["SLURM_JOB_ID=1", f"USER={os.environ.get('USER', 'nobody')}"],
            )
            staged, root_path = os.fsdecode(host.bundle or b""), os.fsdecode(host.root_path or b"")
            print(f"bundle: {staged}\nroot file system: {root_path}")
            after = read_pretty(Path(staged) / "config.json")
            for line in difflib.unified_diff(before, after, "config.json", "staged", lineterm=""):
                print(line)
            print("stage out", flush=True)
            script.stage_out(
                id="demo",
                bundle=staged,
                orig_bundle=str(bundle),
                root_path=root_path,
                orig_root_path=rootfs,
                spool_dir=spool_dir,
                job_id=1,
            )
    except ScrunError as err:
        print(f"embed: {err}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
