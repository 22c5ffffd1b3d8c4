#!/bin/sh
# The main job on one machine: a container goes through create, start, kill and delete of scrun, as
# an engine would have it; crun or runc runs it here. The image is this machine's own programs,
# mounted read-only. Everything is in one temporary directory, which goes at the end.
set -eu
PATH=$PATH:/usr/sbin:/sbin # runc lies there, and an ordinary user does not look
command -v crun >/dev/null || command -v runc >/dev/null || {
  echo "demo: neither crun nor runc is here. install one (apt-get install crun) and try again" >&2
  exit 1
}
umask 022
work=$(mktemp -d)
finish() {
  status=$?
  trap '' EXIT HUP INT TERM
  scrun delete --force demo
  [ $status = 0 ] || ! [ -s "$work/output" ] || sed 's/^/demo: output: /' "$work/output" >&2
  rm -rf --one-file-system "$work"
  exit $status
}
trap finish EXIT
trap 'exit 130' HUP INT TERM

# A site of its own, so that neither this machine's Slurm nor its settings have a say.
mkdir -p "$work/site/scrun.d"
: >"$work/site/slurm.conf"
cat >"$work/site/scrun.d/settings.lua" <<'SETTINGS'
local settings = require 'luastd.settings'
settings.backend = 'local'
return settings
SETTINGS
export SLURM_CONF="$work/site/slurm.conf" XDG_RUNTIME_DIR="$work"
unset SCRUN_LUA_DIR SCRUN_DEBUG SCRUN_STDERR_DEBUG SCRUN_FILE_DEBUG SCRUN_SYSLOG_DEBUG

# The bundle: config.json and a root file system of mount points.
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
    "args": ["sh", "-c",
      "trap 'echo got USR1, ending with 7; exit 7' USR1; echo running as pid \$\$; while :; do sleep 0.1; done"] },
  "root": { "path": "rootfs" }, "mounts": [$mounts],
  "linux": { "namespaces": [$namespaces]$mappings } }
CONFIG

echo_run() { echo "\$ $*" | sed "s|$work/||g"; "$@"; }
tell() { sed -n "s/.*$1.*/  the container: &/p" "$work/output"; }
wait_for() { # that a command succeeds, at most 10 s
  tries=100
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { echo "demo: waited 10 s in vain for: $*" >&2; exit 1; }
    sleep 0.1
  done
}
is_stopped() { scrun state demo | grep -q '"stopped"'; }

cd "$work"
echo "# create: asks for a job (here: this machine) and prepares the container; nothing runs yet"
echo "\$ scrun create --bundle bundle demo"
scrun create --bundle bundle demo >"$work/output" 2>&1 </dev/null
echo_run scrun state demo
echo "# start: runs its process"
echo_run scrun start demo
wait_for grep -q 'running as' "$work/output"
tell 'running as'
echo "# kill: the signal reaches that very process"
echo_run scrun kill demo USR1
wait_for is_stopped
tell 'got USR1'
grep -q 'got USR1' "$work/output"
echo "# delete: nothing is left, neither process nor file"
echo_run scrun delete demo
[ -z "$(ls "$XDG_RUNTIME_DIR/scrun")" ]
echo "demo: done. With Slurm the same four verbs run in a job: see README.md"
