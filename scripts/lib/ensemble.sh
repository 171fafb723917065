# An ensemble of real servers on this machine, all of it below one folder. Sourced by bash scripts.
#
#   DIR/servers           one line per server: id, client port, quorum port, election port
#   DIR/N/zoo.cfg         its configuration
#   DIR/N/data            its dataDir: myid, `initialize`, and what the server writes
#   DIR/N/log             what it printed
#   DIR/N/pid             process id and start time: the pair that names one process for good
#
# Every wait is for a condition with a deadline; short pauses only keep a wait from eating a core.

# QUORATE_SERVER may name another program that takes a configuration file, e.g. one that runs ZooKeeper.
: "${ensemble_server:=${QUORATE_SERVER:-}}"
readonly ensemble_pause=0.05

ensemble_fail() { printf '%s\n' "$*" >&2; return 1; }

# --- Ports -----------------------------------------------------------------------------------

# The TCP ports on which somebody listens, one a line, read from the kernel's own table.
listening_ports() {
  awk '$4 == "0A" { n = split($2, part, ":"); print part[n] }' /proc/net/tcp /proc/net/tcp6 2>/dev/null \
    | while read -r hex; do printf '%d\n' "0x$hex"; done | sort -un
}

# choose_ports COUNT: one line per server, id and its three ports: 2181, 2888 and 3888 plus the same number,
# the next for which all three are free. Together, because only a leader listens on its quorum port: alone,
# those of another ensemble's followers would look free.
choose_ports() {
  local count=$1 id=1 step=0 taken
  taken=" $(listening_ports | tr '\n' ' ') "
  while (( id <= count )); do
    (( step < 20000 )) || { ensemble_fail "no free ports from 2181, 2888 and 3888 on"; return 1; }
    if [[ $taken != *" $((2181 + step)) "* && $taken != *" $((2888 + step)) "* \
          && $taken != *" $((3888 + step)) "* ]]; then
      printf '%d %d %d %d\n' "$id" $((2181 + step)) $((2888 + step)) $((3888 + step))
      id=$((id + 1))
    fi
    step=$((step + 1))
  done
}

# --- Processes -------------------------------------------------------------------------------

# Field 22 of /proc/PID/stat; the name in field 2 may hold blanks, so the count starts behind it.
process_start_time() {
  local stat
  # Not $(<file): when the file is gone, that ends a shell that runs with `set -e`, || or not.
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  stat=${stat##*) }
  set -- $stat
  [[ $1 != Z ]] && printf '%s\n' "${20}"
}

# remember_process FILE PID
remember_process() { printf '%s %s\n' "$2" "$(process_start_time "$2")" >"$1"; }

# Prints the pid in FILE if that very process still runs: a recycled pid has another start time.
remembered_process() {
  local pid started
  { read -r pid started <"$1"; } 2>/dev/null || return 1
  [[ -n $started && $(process_start_time "$pid") == "$started" ]] && printf '%s\n' "$pid"
}

# wait_until SECONDS COMMAND...: 0 as soon as the command succeeds, 1 at the deadline.
wait_until() {
  local deadline=$((SECONDS + $1)); shift
  until "$@"; do
    (( SECONDS < deadline )) || return 1
    sleep "$ensemble_pause"
  done
}

process_is_gone() { ! process_start_time "$1" >/dev/null; }

# --- One server ------------------------------------------------------------------------------

# four_letter PORT WORD: what the server on that client port answers. Fails when nobody listens.
four_letter() {
  # In a child: a connection refused must not end the caller, and `timeout` needs a program.
  timeout 2 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" && printf "%s" "$1" >&3 && cat <&3' "$1" "$2" 2>/dev/null
}

server_port() { awk -v id="$2" '$1 == id { print $2 }' "$1/servers"; }
server_ids() { awk '{ print $1 }' "$1/servers"; }
server_pid() { remembered_process "$1/$2/pid"; }

# leader, follower, observer, standalone; nothing while it serves nobody.
server_mode() { four_letter "$(server_port "$1" "$2")" srvr | awk '$1 == "Mode:" { print $2 }'; }

# Starts server ID and returns at once.
start_server() {
  local dir=$1 id=$2 pid
  server_pid "$dir" "$id" >/dev/null && return 0
  [[ -n $ensemble_server ]] || { ensemble_fail "no server program given (--server or QUORATE_SERVER)"; return 1; }
  # A session of its own: a Ctrl-C in the terminal is for the shell, not for the servers.
  setsid "$ensemble_server" "$dir/$id/zoo.cfg" >>"$dir/$id/log" 2>&1 </dev/null &
  pid=$!
  disown "$pid"
  remember_process "$dir/$id/pid" "$pid"
}

# stop_server DIR ID [SIGNAL]: TERM unless told; waits until the process is gone, at last with KILL.
stop_server() {
  local dir=$1 id=$2 signal=${3:-TERM} pid
  if pid=$(server_pid "$dir" "$id"); then
    kill "-$signal" "$pid" 2>/dev/null || true
    kill -CONT "$pid" 2>/dev/null || true  # A paused one hears it, too.
    if ! wait_until 15 process_is_gone "$pid"; then
      printf 'server %s ignored %s for 15 s and is killed\n' "$id" "$signal" >&2
      kill -KILL "$pid" 2>/dev/null || true
      wait_until 5 process_is_gone "$pid" || { ensemble_fail "process $pid cannot be ended"; return 1; }
    fi
  fi
  rm -f "$dir/$id/pid"
}

# signal_server DIR ID SIGNAL: to a server that runs.
signal_server() {
  local pid
  pid=$(server_pid "$1" "$2") || { ensemble_fail "server $2 is not running"; return 1; }
  kill "-$3" "$pid"
}

# --- The ensemble ----------------------------------------------------------------------------

# create_ensemble DIR COUNT [KEY=VALUE...]: folders, ports and configuration; starts nothing.
# An existing ensemble keeps its data, its size and, where they are still free, its ports.
create_ensemble() {
  local dir=$1 count=$2 id; shift 2
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  if [[ ! -s $dir/servers ]]; then
    choose_ports "$count" >"$dir/servers.new"
    mv "$dir/servers.new" "$dir/servers"
    # A fresh ensemble: ZooKeeper's marker says that starting without data is meant.
    while read -r id _; do
      mkdir -p "$dir/$id/data"
      printf '%s\n' "$id" >"$dir/$id/data/myid"
      : >"$dir/$id/data/initialize"
    done <"$dir/servers"
  fi
  write_configuration "$dir" "$@"
}

# Gives every port that somebody else has taken meanwhile a new number. Only while all servers are down.
renew_taken_ports() {
  local dir=$1 count taken
  count=$(wc -l <"$dir/servers")
  taken=" $(listening_ports | tr '\n' ' ') "
  local id client quorum election
  while read -r id client quorum election; do
    if [[ $taken == *" $client "* || $taken == *" $quorum "* || $taken == *" $election "* ]]; then
      choose_ports "$count" >"$dir/servers.new"
      mv "$dir/servers.new" "$dir/servers"
      return
    fi
  done <"$dir/servers"
}

write_configuration() {
  local dir=$1 id client quorum election members key; shift
  # A lone server gets no member line: it runs standalone.
  members=
  if (( $(wc -l <"$dir/servers") > 1 )); then
    members=$(awk '{ printf "server.%s=127.0.0.1:%s:%s\n", $1, $3, $4 }' "$dir/servers")
  fi
  while read -r id client quorum election; do
    {
      printf '# Written by scripts/lib/ensemble.sh; packaging/zoo.cfg is the sample with explanations.\n'
      printf 'tickTime=500\ninitLimit=20\nsyncLimit=10\n'
      printf 'dataDir=%s\nclientPort=%s\nclientPortAddress=127.0.0.1\n' "$dir/$id/data" "$client"
      printf 'minSessionTimeout=1000\nmaxSessionTimeout=60000\nmaxClientCnxns=0\n'
      printf 'admin.enableServer=false\nextendedTypesEnabled=true\n4lw.commands.whitelist=srvr,ruok,mntr\n'
      [[ -z $members ]] || printf '%s\n' "$members"
      for key in "$@"; do printf '%s\n' "$key"; done
    } >"$dir/$id/zoo.cfg"
  done <"$dir/servers"
}

any_server_runs() {
  local id
  for id in $(server_ids "$1"); do server_pid "$1" "$id" >/dev/null && return 0; done
  return 1
}

# start_ensemble DIR: starts what is not running. Returns at once.
start_ensemble() {
  local id
  for id in $(server_ids "$1"); do start_server "$1" "$id"; done
}

stop_ensemble() {
  local dir=$1 id pids=()
  [[ -s $dir/servers ]] || return 0
  # All at once first, so that none spends its last seconds electing a new leader.
  for id in $(server_ids "$dir"); do
    pids=$(server_pid "$dir" "$id") && kill -TERM "$pids" 2>/dev/null || true
  done
  for id in $(server_ids "$dir"); do stop_server "$dir" "$id"; done
}

# Prints the id of the leader (or of the standalone server); fails while there is none.
ensemble_leader() {
  local id
  for id in $(server_ids "$1"); do
    case $(server_mode "$1" "$id") in
      leader|standalone) printf '%s\n' "$id"; return 0 ;;
    esac
  done
  return 1
}

has_leader() { ensemble_leader "$1" >/dev/null; }

# Every server that runs has a role, and one of them leads.
ensemble_serves() {
  local id mode leaders=0
  for id in $(server_ids "$1"); do
    server_pid "$1" "$id" >/dev/null || continue
    mode=$(server_mode "$1" "$id")
    case $mode in
      leader|standalone) leaders=$((leaders + 1)) ;;
      follower|observer) ;;
      *) return 1 ;;
    esac
  done
  (( leaders == 1 ))
}

a_server_ended() {
  local id
  for id in $(server_ids "$1"); do
    [[ ! -e $1/$id/pid ]] || server_pid "$1" "$id" >/dev/null || return 0
  done
  return 1
}

# Either way there is nothing left to wait for.
serves_or_failed() { ensemble_serves "$1" || a_server_ended "$1"; }

# wait_for_ensemble DIR SECONDS: until it serves; else says which server ended, or hangs, and its last words.
wait_for_ensemble() {
  local dir=$1 id
  wait_until "$2" serves_or_failed "$dir" || true
  ! a_server_ended "$dir" && ensemble_serves "$dir" && return 0
  for id in $(server_ids "$dir"); do
    if [[ -e $dir/$id/pid ]] && ! server_pid "$dir" "$id" >/dev/null; then
      printf 'server %s has ended; its last lines (%s):\n' "$id" "$dir/$id/log" >&2
      tail -n 10 "$dir/$id/log" >&2
    else
      printf 'server %s: mode %s (%s)\n' "$id" "$(server_mode "$dir" "$id" || true)" "$dir/$id/log" >&2
    fi
  done
  return 1
}

connect_string() { awk '{ printf "%s127.0.0.1:%s", (NR > 1 ? "," : ""), $2 }' "$1/servers"; }
