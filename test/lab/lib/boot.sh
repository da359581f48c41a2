# A host's life: boot it from the untouched root under a fresh disk, reboot it, end it without a trace.

# boot_host SUITE NAME: returns when systemd inside says it is up
boot_host() {
  local suite=$1 name=$2 root dir
  dir=$(host_dir "$name")
  build_root "$suite"
  mkdir -p "$lab_dir/run"
  end_orphans
  mkdir "$dir" 2>/dev/null || die "host '$name' is up already (or was not ended): lab down $name"
  trap 'end_host "$name"; exit 130' INT TERM HUP
  trap 'end_host "$name"' EXIT
  echo "$suite" >"$dir/suite"
  echo "$root" >"$dir/root"
  [ -z "${LAB_OWNER:-}" ] || note_process "$dir/owner" "$LAB_OWNER"
  left_out "$suite" >"$dir/without"
  own_cgroup "$name" >"$dir/cgroup"
  start_keeper "$name" "$root" "$dir"
  wait_for_init "$dir"
  wait_for_boot "$name" 60
  trap - INT TERM HUP EXIT
  say "host '$name' ($suite) is up after $(elapsed) s: test/lab/lab shell $name"
}

# What the suite's root has and its hosts do not, as a Proxmox node does not: names of packages. LAB_WITH keeps them.
left_out() {
  [ "$1" = forky ] || [[ " ${LAB_WITH:-} " = *" network-manager "* ]] || echo network-manager
}

# Each host gets a cgroup of its own: with --keep-unit two hosts that share one would be two
# systemds over the same tree. Machines with the hybrid layout have cgroup2 in a subdirectory.
own_cgroup() {
  local mount
  mount=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)
  [ -n "$mount" ] || die "this machine has no cgroup2 file system mounted"
  mktemp -d "$mount/ovs-port-agent-lab-$1.XXXXXX"
}

# Keyring, bpf and modules calls are what Docker and LXC make.
start_keeper() {
  local name=$1 root=$2 dir=$3 options=() bind
  for bind in ${LAB_BIND:-}; do options+=("--bind=$bind"); done
  [ ! -c /dev/fuse ] || options+=(--bind=/dev/fuse)
  grep -qx network-manager "$dir/without" ||
    options+=("--bind-ro=${lab_home//:/\\:}/lib/veth-unmanaged.conf:/usr/lib/NetworkManager/conf.d/85-veth-unmanaged.conf")
  setsid unshare --mount --propagation private "$lab_home/lib/keep-host" "$root" "$dir" \
    --machine="$name" --hostname="$name" --register=no --keep-unit --boot \
    --private-network --resolv-conf=off --timezone=off --link-journal=no --console=read-only \
    --capability=all --system-call-filter="@keyring bpf @module perf_event_open" \
    --bind=/dev/net/tun --bind-ro="${lab_repo//:/\\:}:/src" \
    "${options[@]}" \
    </dev/null >"$dir/log" 2>&1 8>&- 9>&- &
  note_process "$dir/keeper" "$!"
}

wait_for_init() {
  local dir=$1
  until_true 20 init_known "$dir" || boot_failed "$dir" "systemd-nspawn did not start an init"
}

init_known() {
  [ ! -e "$1/init" ] || return 0
  living_pid "$1/keeper" >/dev/null || boot_failed "$1" "systemd-nspawn ended"
  return 1
}

# reboot_host NAME [--power-cut]: returns when systemd inside says it is up again; /run is empty then, the disk is as it was
reboot_host() {
  local name=$1 dir before
  dir=$(host_dir "$name")
  [ -d "$dir" ] || die "no host '$name' is up; 'lab list' shows those that are"
  before=$(living_pid "$dir/init") || die "host '$name' has ended; 'lab down $name' clears it away"
  if [ "${2:-}" = --power-cut ]; then
    touch "$dir/power-cut"
    kill -KILL "$before"
  else
    enter_host_quietly "$name" systemctl --no-block reboot >/dev/null 2>&1 || true
  fi
  # many guests may have to stop before, and to start after it
  until_true 300 another_init "$dir" "$before" || die "host '$name' did not come back within 300 s"
  wait_for_boot "$name" 300
  say "host '$name' is up again after $(elapsed) s"
}

another_init() {
  local pid
  living_pid "$1/keeper" >/dev/null || boot_failed "$1" "the host ended instead of rebooting"
  pid=$(living_pid "$1/init") && [ "$pid" != "$2" ]
}

# wait_for_boot NAME SECONDS
wait_for_boot() {
  local name=$1 seconds=$2 dir
  dir=$(host_dir "$name")
  until_true "$seconds" booted "$name" || {
    enter_host_quietly "$name" systemctl list-jobs 2>&1 | sed 's/^/  | /' >&2 || true
    boot_failed "$dir" "systemd was not up within $seconds s"
  }
  grep -qx running "$dir/state" || {
    say "host '$name' is $(cat "$dir/state"); failed units:"
    enter_host_quietly "$name" systemctl --failed --plain --no-legend | sed 's/^/  | /' >&2
  }
}

booted() {
  local dir
  dir=$(host_dir "$1")
  living_pid "$dir/init" >/dev/null || boot_failed "$dir" "systemd inside ended"
  enter_host_quietly "$1" systemctl is-system-running >"$dir/state" 2>/dev/null || true
  grep -Eqx 'running|degraded' "$dir/state"
}

boot_failed() {
  show_tail "$1/log"
  die "$2"
}

# end_host NAME: when its init is gone the kernel ends everything in it, and with the keeper goes the
# mount namespace that has its disk. Only processes noted at start are signalled.
end_host() {
  local dir pid cgroup
  trap - EXIT
  dir=$(host_dir "$1")
  # the first, or it would boot anew what comes down here
  if pid=$(living_pid "$dir/keeper"); then
    kill -KILL "$pid"
    until_true 10 ended "$dir/keeper" || die "process $pid of host '$1' does not end"
  fi
  if pid=$(living_pid "$dir/init"); then kill -KILL "$pid"; fi
  if ! until_true 10 ended "$dir/nspawn" && pid=$(living_pid "$dir/nspawn"); then
    kill -KILL "$pid"
    until_true 10 ended "$dir/nspawn" || die "process $pid of host '$1' does not end"
  fi
  cgroup=$(cat "$dir/cgroup" 2>/dev/null) || cgroup=
  [ -z "$cgroup" ] || [ ! -d "$cgroup" ] || end_cgroup "$cgroup"
  [ -z "$cgroup" ] || clear_v1 "$cgroup"
  rm -rf --one-file-system "$dir"
}

# When the boot was interrupted before its init was noted, killing nspawn has not ended that init. All that is in this
# cgroup was started for this host.
end_cgroup() {
  echo 1 >"$1/cgroup.kill"
  until_true 10 grep -qx 'populated 0' "$1/cgroup.events" || say "processes in $1 do not end"
  find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
}

# Where the machine has the hybrid layout, nspawn makes a directory of the same name in systemd's own hierarchy, too.
clear_v1() {
  local mount
  mount=$(findmnt -n -o TARGET -t cgroup -O name=systemd | head -n 1)
  [ -z "$mount" ] || find "$mount/$(basename "$1")" -depth -type d -exec rmdir {} + 2>/dev/null || true
}

# A test that was killed could not end its host.
end_orphans() {
  local owner
  for owner in "$lab_dir"/run/*/owner; do
    [ -f "$owner" ] && ended "$owner" || continue
    say "ending host '$(basename "$(dirname "$owner")")', left behind by a process that is gone"
    end_host "$(basename "$(dirname "$owner")")"
  done
}

ended() { ! living_pid "$1" >/dev/null; }
