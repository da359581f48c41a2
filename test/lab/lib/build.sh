# The cached root of a suite: built once, keyed by everything that goes into it.

suites() { ls "$lab_home/suites"; }

require_suite() {
  [[ $1 =~ ^[a-z]+$ && -f $lab_home/suites/$1 ]] ||
    bad_usage "'$1' is not a suite; it is one of: $(suites | paste -sd' ')"
}

# A changed package list or build step is another root; nothing has to be cleared by hand.
root_key() {
  local digest
  digest=$(cd "$lab_home" && cat "suites/$1" lib/build.sh lib/equip-root lib/extract-vmlinux lib/vm-init | sha256sum)
  echo "$1-${digest:0:12}"
}

package_list() { sed 's/#.*//' "$lab_home/suites/$1" | xargs | tr ' ' ','; }

# build_root SUITE: prints the root's directory
build_root() {
  local suite=$1 root
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
  echo "$root"
}

make_root() {
  local suite=$1 root=$2 log=$lab_dir/log/build-$1.log
  say "building $suite root (one to two minutes the first time)"
  rm -rf --one-file-system "$root.tmp"
  # shellcheck disable=SC2064 # the paths are meant as they are now
  trap "rm -rf --one-file-system '$root.tmp'" EXIT
  debootstrap_root "$suite" "$root.tmp" 8>&- 9>&- </dev/null >"$log" 2>&1 &
  follow "$!" "$log" || {
    show_tail "$log"
    die "the $suite root could not be built"
  }
  mv "$root.tmp" "$root"
  trap - EXIT
  drop_old_roots "$suite" "$root"
  say "$suite root ready after $(elapsed) s"
}

# One explicit source: with none, mmdebstrap also asks for -updates and -security, which a mirror
# need not have. Signatures are checked with the machine's debian-archive-keyring; each release's
# keyring package carries the next release's key well before that release is made.
debootstrap_root() {
  local suite=$1 target=$2 mirror
  mirror=$(debian_mirror)
  LAB_DEBS=$lab_dir/debs/$suite mmdebstrap --mode=root --variant=minbase --include="$(package_list "$suite")" \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='force-unsafe-io' \
    --skip=download/empty --skip=essential/unlink \
    --setup-hook='mkdir -p "$1/var/cache/apt/archives"; find "$LAB_DEBS" -name "*.deb" -exec cp -l -t "$1/var/cache/apt/archives" {} +' \
    --customize-hook='cp -ln "$1"/var/cache/apt/archives/*.deb "$LAB_DEBS"' \
    --customize-hook="$lab_home/lib/equip-root" \
    --customize-hook='cp -ln "$1"/var/cache/apt/archives/*.deb "$LAB_DEBS"' \
    "$suite" "$target" "deb $mirror $suite main"
}

# follow PID LOG: a line every ten seconds with the step that runs; returns PID's exit code
follow() {
  local pid=$1 log=$2 tick=0
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.5
    tick=$((tick + 1))
    [ $((tick % 20)) != 0 ] || say "  $((tick / 2)) s: $(sed -n 's/^I: //p' "$log" | tail -n 1)"
  done
  wait "$pid"
}

# Roots of an earlier package list go, unless a host still runs on one.
drop_old_roots() {
  local suite=$1 keep=$2 old
  for old in "$lab_dir/roots/$suite"-*; do
    [ "$old" != "$keep" ] || continue
    ! grep -Fxqs "$old" "$lab_dir"/run/*/root || continue
    rm -rf --one-file-system "$old"
  done
}
