# What lab knows of a host that is up: $OPA_LAB_DIR/run/NAME/{suite,root,log,keeper,nspawn,init,cgroup}.

host_dir() { echo "$lab_dir/run/$1"; }

require_name() {
  [[ $1 =~ ^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$ ]] ||
    bad_usage "'$1' is not a host name (a-z, 0-9, '-', at most 32 characters)"
}

# A pid alone may have been reused since; with its start time it is one process for ever.
birth_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
note_process() { echo "$2 $(birth_of "$2")" >"$1.new" && mv "$1.new" "$1"; }

# living_pid FILE: prints the pid noted there if that very process still runs
living_pid() {
  local pid birth
  read -r pid birth 2>/dev/null <"$1" || return 1
  [ -n "$birth" ] && [ "$(birth_of "$pid")" = "$birth" ] && echo "$pid"
}

list_hosts() {
  local dir name init state
  printf '%-16s %-10s %-10s %-10s %s\n' NAME SUITE STATE INIT-PID SINCE
  for dir in "$lab_dir"/run/*/; do
    [ -f "$dir/suite" ] || continue
    name=$(basename "$dir")
    if init=$(living_pid "$dir/init"); then state=up; else state=ended init=-; fi
    printf '%-16s %-10s %-10s %-10s %s\n' "$name" "$(cat "$dir/suite")" "$state" "$init" \
      "$(date -r "$dir/suite" '+%F %T')"
  done
}
