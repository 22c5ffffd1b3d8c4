"""What the control shell can do with a container's processes on their node: functions of sh.

Each is called with what the directories of exec'd processes begin with (`exec_steps`), and finds
``$pid``, the container's process, and ``state`` (`control`). Nothing but POSIX sh and awk, and ps
for a table, has to be there.
Sources: proc_pid_stat(5), proc_pid_cgroup(5), pid_namespaces(7), signal(7).
"""

# await        learns of the container's process, while the runtime is still making the container;
#              not where it cannot be asked ($blind)
# members      lists the container's processes, parents first: those in the pid namespace of its
#              process; where that is the node's own, those of its step (by its cgroup) but for the
#              runtime; exec'd ones; and all that descend from these
# stop         stops one, and waits until it stands still: a signal alone does not end its wait for
#              a child before it has seen that this one was stopped as well
# halt         stops them, again until there are no new ones, and lists those that had been stopped
#              before. A parent comes first: it shall not see that a child was stopped
# proceed      lets them go on but for those listed in $2. Children come first, for the same reason
# tell         sends the signal $2 to all; before they get KILL they hold still, so none is missed
# show         is ps with its options, as far as it concerns them
# measure      prints what their cgroup knows, file by file, if it is theirs alone: of a Slurm step,
#              or with $mark in its path; and what /proc knows
NODE_FUNCTIONS = r"""
cgroups=/sys/fs/cgroup
read_stat() {
  text=
  while read -r line || [ "$line" ]; do text="$text $line"; done <"/proc/$1/stat" || return 1
  [ "$text" ] || return 1
  text=${text##*) }
}
await() {
  i=0
  until [ "$pid$blind" ] || [ $i -ge 100 ]; do
    learn
    i=$((i + 1))
    [ "$pid" ] || sleep 0.05
  done
  [ "$pid" ]
}
own() { [ "$pid" ] && is_there; }
find_roots() {
  case $tasks in
    *' '*) roots=$(state | sed -n 's/.*"pid" *: *\([1-9][0-9]*\).*/\1/p') ;;
    *) own && roots=$pid || roots= ;;
  esac
  first=${roots%%[!0-9]*}
  [ "$first" ]
}
find_step() {
  step=
  while read -r line; do
    case $line in
      */step_[0-9]*) rest=${line#*/step_} step=${line%%/step_*}/step_${rest%%/*}; return ;;
    esac
  done <"/proc/$first/cgroup"
}
is_inside() {
  if [ "$apart" ]; then
    for root in $roots; do [ "/proc/$1/ns/pid" -ef "/proc/$root/ns/pid" ] && return; done
    return 1
  fi
  [ "$step" ] || return 1
  while read -r line; do
    case $line in "$step"|"$step"/*) return 0 ;; esac
  done <"/proc/$1/cgroup"
  return 1
}
members() {
  find_roots || return 1
  [ "/proc/$first/ns/pid" -ef /proc/self/ns/pid ] && apart= || apart=1
  find_step
  further=
  for file in "$1"*/pid; do
    number= directory=${file%/pid}
    [ -L "$directory" ] || [ ! -O "$directory" ] && continue # /tmp is everybody's
    [ -s "$file" ] && read -r number <"$file" # crun ends it without a line break
    further="$further $number"
  done
  for place in /proc/[0-9]*; do
    number=${place#/proc/}
    read_stat "$number" || continue
    is_inside "$number" && inside=1 || inside=0
    set -- $text
    echo "$number $2 $inside $1"
  done | awk -v roots="$(echo $roots)" -v further="$further" '
    { parent[$1] = $2; inside[$1] = $3; list[NR] = $1; dead[$1] = $4 == "Z" || $4 == "X" }
    END {
      count = split(roots, given, " ")
      for (i = 1; i <= count; i++)
        for (one = parent[given[i]]; one in parent; one = parent[one]) above[one] = 1
      count = split(roots " " further, given, " ")
      for (i = 1; i <= count; i++) if (given[i] in parent) inside[given[i]] = 1
      for (i = 1; i <= NR; i++) {
        found = depth = 0
        for (one = list[i]; one in parent; one = parent[one]) {
          if (inside[one] == 1 && !(one in above)) found = 1
          depth++
        }
        if (!found || list[i] in above || dead[list[i]]) continue
        line[depth] = line[depth] list[i] "\n"
        if (depth > deepest) deepest = depth
      }
      for (depth = 1; depth <= deepest; depth++) printf "%s", line[depth]
    }'
}
stop() {
  kill -STOP "$1" || return 1
  tries=0
  while [ $tries -lt 50 ] && read_stat "$1"; do
    case $text in [RS]*) ;; *) break ;; esac
    tries=$((tries + 1))
    [ $tries -lt 30 ] || sleep 0.02
  done
  return 0
}
halt() {
  seen=' ' held= rounds=0
  while :; do
    waiting=
    for number in $(members "$1"); do
      read_stat "$number" || continue
      case $seen in
        *" $number "*) case $text in [RS]*) waiting=1 ;; esac ;;
        *)
          seen="$seen$number "
          case $text in T*) held="$held $SLURMD_NODENAME:$number" ;; esac
          stop "$number" && waiting=1
          ;;
      esac
    done
    [ "$waiting" ] || break
    rounds=$((rounds + 1))
    if [ $rounds -ge 100 ]; then
      proceed "$1" "$held"
      return 1
    fi
    [ $rounds -lt 3 ] || sleep 0.02
  done
  [ "$seen" != ' ' ] && echo "$held"
}
proceed() {
  order=
  for number in $(members "$1"); do order="$number $order"; done
  [ "$order" ] || return 1
  for number in $order; do
    case " $2 " in *" $SLURMD_NODENAME:$number "*) ;; *) kill -CONT "$number" ;; esac
  done
  return 0
}
tell() {
  if [ "$2" = 9 ]; then
    halt "$1" >/dev/null
    list=$seen
  else
    list=$(members "$1")
  fi
  for number in $list; do kill -"$2" "$number" && told=1; done
  [ "$told" ]
}
show() {
  list=$(members "$1") || return 3
  shift
  [ $# -gt 0 ] || set -- -ef
  if ! command -v ps >/dev/null; then
    printf 'PID\n%s\n' "$list"
    return
  fi
  table=$(ps "$@" 2>&1) || { printf '%s\n' "$table"; return 1; }
  printf '%s\n' "$table" | awk -v list="$(echo $list)" '
    BEGIN { count = split(list, given, " "); for (i = 1; i <= count; i++) wanted[given[i]] = 1 }
    NR == 1 {
      for (i = 1; i <= NF; i++) if ($i == "PID") column = i
      if (!column) { print "no column PID in the output of ps"; exit 1 }
      end = match(" " $0 " ", / PID /) + 2 # where the numbers end, too
      print
      next
    }
    { count = split(substr($0, 1, end), word, " "); number = word[count] }
    number !~ /^[0-9]+$/ { number = $column }
    number in wanted'
}
dump() {
  for file in "$@"; do
    if [ -r "$file" ]; then
      echo "@${file##*/}"
      cat "$file"
    fi
  done
}
measure_cgroup() {
  while IFS=: read -r number names path; do
    base=$path
    case $path in
      */step_[0-9]*) rest=${path#*/step_} base=${path%%/step_*}/step_${rest%%/*} ;;
      *) case $path in *"${mark:-/ /}"*) ;; *) continue ;; esac ;;
    esac
    if [ ! "$names" ]; then
      for top in "$cgroups" "$cgroups/unified"; do
        place=$top$base
        [ -d "$place/user" ] && place=$place/user
        dump "$place/cpu.stat" "$place/memory.current" "$place/memory.max" "$place/memory.peak" \
          "$place/memory.stat" "$place/memory.swap.current" "$place/memory.swap.max" \
          "$place/pids.current" "$place/pids.max" "$place/io.stat" "$place/memory.events"
      done
      continue
    fi
    place=$cgroups/$names$base
    case ,$names, in
      *,cpuacct,*) dump "$place/cpuacct.usage" "$place/cpuacct.usage_percpu" \
          "$place/cpuacct.stat" ;;
      *,memory,*) dump "$place/memory.usage_in_bytes" "$place/memory.limit_in_bytes" \
          "$place/memory.max_usage_in_bytes" "$place/memory.failcnt" "$place/memory.stat"
        echo "@memory.events" # of each task apart: this file counts what is right in its cgroup
        cat "$place/memory.oom_control" "$place"/task_*/memory.oom_control ;;
      *,pids,*) dump "$place/pids.current" "$place/pids.max" ;;
      *,blkio,*) dump "$place/blkio.throttle.io_service_bytes_recursive" \
          "$place/blkio.throttle.io_serviced_recursive" ;;
    esac
  done
}
measure() {
  find_roots || return 1
  echo "@begin"
  measure_cgroup <"/proc/$first/cgroup"
  echo "@node"
  echo "ticks $(getconf CLK_TCK || echo 100)"
  echo "page $(getconf PAGESIZE || echo 4096)"
  sed -n 's/^MemTotal: *\([0-9]*\) kB/memory \1/p' /proc/meminfo
  echo "@processes"
  members "$1" | while read -r number; do
    read_stat "$number" || continue
    read_bytes=0 write_bytes=0
    while read -r name value; do
      case $name in read_bytes:) read_bytes=$value ;; write_bytes:) write_bytes=$value ;; esac
    done <"/proc/$number/io"
    set -- $text
    echo "${12} ${13} ${14} ${15} ${18} ${22} $read_bytes $write_bytes"
  done
}
"""
