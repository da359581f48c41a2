# The cached root of a suite: built once, keyed by everything that goes into it.

suites() { ls "$lab_home/suites"; }

require_suite() {
  [[ $1 =~ ^[a-z]+$ && -f $lab_home/suites/$1 ]] ||
    bad_usage "'$1' is not a suite; it is one of: $(suites | paste -sd' ')"
}

# A changed package list or build step is another root; nothing has to be cleared by hand.
root_key() {
  local digest
  digest=$(cd "$lab_home" && cat "suites/$1" root/* | sha256sum)
  echo "$1-${digest:0:12}"
}

package_list() { sed 's/#.*//' "$lab_home/suites/$1" | xargs | tr ' ' ','; }

# build_root SUITE: leaves the root's directory in $root. Not printed: in $(...) it would not hear of signals.
build_root() {
  local suite=$1
  root=$lab_dir/roots/$(root_key "$suite")
  if [ ! -d "$root" ]; then
    mkdir -p "$lab_dir/roots" "$lab_dir/debs/$suite" "$lab_dir/log"
    exec 9>"$lab_dir/roots/$suite.lock"
    flock --nonblock 9 || {
      say "another build of $suite is running; waiting for it"
      flock 9
    }
    [ -d "$root" ] || make_root "$suite" "$root"
    exec 9>&-
  fi
  touch "$root" # when it was last used
}

# In mount and process namespaces of its own: an interrupted build leaves no mount and no process.
make_root() {
  local suite=$1 root=$2 log=$lab_dir/log/build-$1.log mirror maker
  mirror=$(debian_mirror)
  say "building $suite root (about a minute the first time)"
  rm -rf --one-file-system "$root.tmp"
  LAB_DEBS=$lab_dir/debs/$suite unshare --mount --pid --fork --kill-child --mount-proc \
    "$lab_home/root/make-root" "$suite" "$(package_list "$suite")" "$root.tmp" "$mirror" \
    </dev/null >"$log" 2>&1 8>&- 9>&- &
  maker=$!
  # shellcheck disable=SC2064 # the values are meant as they are now
  trap "stop_making $maker '$root.tmp'" EXIT
  follow "$maker" "$log" || {
    show_tail "$log"
    die "the $suite root could not be built"
  }
  mv "$root.tmp" "$root"
  trap - EXIT
  drop_old_roots "$suite" "$root"
  say "$suite root ready after $(elapsed) s"
}

stop_making() {
  kill -KILL "$1" 2>/dev/null || true
  { wait "$1" || true; } 2>/dev/null # bash would say "Killed"
  until_true 10 rm -rf --one-file-system "$2" # the last of the processes may still write
}

# follow PID LOG: a line every ten seconds with the step that runs; returns PID's exit code
follow() {
  local pid=$1 log=$2 tick=0
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.5
    tick=$((tick + 1))
    [ $((tick % 20)) != 0 ] || say "  $((tick / 2)) s: $(sed -n 's/^I: //p' "$log" | tail -n 1 | cut -c -60)"
  done
  wait "$pid"
}

# Roots of other package lists go when none has used them for a day: another checkout may want its own.
drop_old_roots() {
  local suite=$1 keep=$2 old
  for old in "$lab_dir/roots/$suite"-*; do
    [ "$old" != "$keep" ] && [ -n "$(find "$old" -maxdepth 0 -mmin +1440)" ] || continue
    ! grep -Fxqs "$old" "$lab_dir"/run/*/root || continue
    rm -rf --one-file-system "$old"
  done
}
