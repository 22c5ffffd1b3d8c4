#!/bin/sh
# The main job on one machine: a container goes through create, start, kill and delete of scrun,
# run here by crun or runc. The image is this machine's own programs, mounted read-only.
set -eu
command -v crun >/dev/null || command -v runc >/dev/null || {
  echo "demo: neither crun nor runc is here: install one (apt-get install crun)" >&2
  exit 1
}
work=$(mktemp -d)
root=$work/root
trap 'scrun --root "$root" delete --force demo; rm -rf "$work"' EXIT
mkdir -p "$work/bundle/rootfs/proc" "$work/bundle/rootfs/dev"

mounts='{"destination": "/proc", "type": "proc", "source": "proc"}'
for name in usr bin lib lib64; do
  [ -d "/$name" ] || continue
  mkdir "$work/bundle/rootfs/$name"
  mounts="$mounts, {\"destination\": \"/$name\", \"type\": \"bind\", \"source\": \"/$name\",
    \"options\": [\"rbind\", \"ro\"]}"
done
namespaces='{"type": "pid"}, {"type": "mount"}, {"type": "uts"}, {"type": "ipc"}'
mappings=
if [ "$(id -u)" != 0 ]; then # an ordinary user needs a user namespace of its own
  namespaces="$namespaces, {\"type\": \"user\"}"
  mappings=", \"uidMappings\": [{\"containerID\": 0, \"hostID\": $(id -u), \"size\": 1}],
    \"gidMappings\": [{\"containerID\": 0, \"hostID\": $(id -g), \"size\": 1}]"
fi
cat >"$work/bundle/config.json" <<CONFIG
{ "ociVersion": "1.0.0",
  "process": { "terminal": false, "user": { "uid": 0, "gid": 0 }, "cwd": "/",
    "env": ["PATH=/usr/bin:/bin"],
    "args": ["/bin/sh", "-c",
      "trap 'echo the container got USR1; exit 7' USR1; echo the container runs as pid \$\$; while :; do sleep 0.1; done"] },
  "root": { "path": "rootfs" }, "mounts": [$mounts],
  "linux": { "namespaces": [$namespaces]$mappings } }
CONFIG

run() { echo "\$ scrun $*"; scrun --root "$root" "$@"; }
wait_for() { # status or output, at most 10 s
  tries=100
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { echo "demo: $* did not come true" >&2; exit 1; }
    sleep 0.1
  done
}
stopped() { scrun --root "$root" state demo | grep -q '"stopped"'; }

run create --bundle "$work/bundle" --pid-file "$work/pid" demo >"$work/output" 2>&1 </dev/null
run state demo
run start demo
wait_for grep -q 'container runs' "$work/output"
run kill demo USR1
wait_for stopped
run delete demo
echo "--- what the container wrote"
sed -n '/container/p' "$work/output"
grep -q 'got USR1' "$work/output"
trap 'rm -rf "$work"' EXIT
echo "--- nothing is left: $(ls "$root" | wc -l) containers"
