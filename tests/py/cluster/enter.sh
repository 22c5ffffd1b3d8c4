#!/bin/sh
# Turn a cached Debian root into pid 1 of a test cluster; started by sandbox.py under
# `unshare -m -p -n -u -i -f --kill-child --propagation private`.
#
#   enter.sh ROOT MOUNTPOINT overlay|direct stdin|forever
#
# overlay: everything written goes to a tmpfs and is gone with the namespace; direct: ROOT
# itself is written (the build). stdin: live until standard input ends, so that a tester
# killed with -9 takes its cluster along; forever: live until killed.
# Prints one line, "ready PID", with the pid this process has outside.
set -eu
root=$1 mountpoint=$2 mode=$3 hold=$4

# /proc is still the machine's own here: self is the pid outside of our new pid namespace.
read -r pid _ < /proc/self/stat

mount -t tmpfs -o mode=0755 scrun-test "$mountpoint"
mkdir "$mountpoint/upper" "$mountpoint/work" "$mountpoint/root"
new=$mountpoint/root
if [ "$mode" = overlay ]; then
  mount -t overlay overlay \
    -o "lowerdir=$root,upperdir=$mountpoint/upper,workdir=$mountpoint/work" "$new"
else
  mount --bind "$root" "$new"
fi

mount -t proc proc "$new/proc"
mount -t sysfs sysfs "$new/sys"
# v1 and v2 side by side is what crun refuses ("hybrid mode"); v1 alone suits every part.
umount /sys/fs/cgroup/unified 2> /dev/null || :
mount --rbind /sys/fs/cgroup "$new/sys/fs/cgroup"

mount -t tmpfs -o mode=0755 dev "$new/dev"
for node in null zero full random urandom tty fuse; do
  [ -e "/dev/$node" ] || continue
  cp -a "/dev/$node" "$new/dev/" # a node of our own: its mode is not the machine's
  chmod 0666 "$new/dev/$node"
done
mkdir "$new/dev/pts" "$new/dev/shm" "$new/dev/mqueue"
# The machine's own pts: a pty opened by the tester (pexpect) has its name inside, too.
mount --bind /dev/pts "$new/dev/pts"
# Not the machine's by a bind: the kernel looks for "pts" beside the node that is opened.
mknod -m 0666 "$new/dev/ptmx" c 5 2
mount -t tmpfs -o mode=1777 shm "$new/dev/shm"
mount -t mqueue mqueue "$new/dev/mqueue"
ln -s /proc/self/fd "$new/dev/fd"
ln -s fd/0 "$new/dev/stdin"
ln -s fd/1 "$new/dev/stdout"
ln -s fd/2 "$new/dev/stderr"

mount -t tmpfs -o mode=0755 run "$new/run"
mkdir -p "$new/run/lock" "$new/run/user" "$new/.old-root"

# pivot_root, not chroot: a chrooted process may not create a user namespace.
cd "$new"
pivot_root . .old-root
cd /
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
umount -l /.old-root
rmdir /.old-root
mount --make-rshared / # podman warns otherwise; nobody else is in this peer group

hostname vm
printf '127.0.0.1 localhost vm\n' > /etc/hosts
: > /etc/resolv.conf
# lo alone is not enough: Slurm resolves with AI_ADDRCONFIG and would find no address.
ip link set lo up
ip link add v0 type veth peer name v1
ip addr add 10.99.0.1/24 dev v0
ip link set v0 up
ip link set v1 up

printf 'ready %s\n' "$pid"
exec > /dev/null
# An ignored SIGCHLD survives exec and makes the kernel reap what is left to pid 1.
if [ "$hold" = stdin ]; then
  exec env --ignore-signal=CHLD cat
fi
exec env --ignore-signal=CHLD sleep infinity
