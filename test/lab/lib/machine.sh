# What the machine must bring: root, a few Debian packages, and the mirror that its own apt uses.

apt_updated=
apt_update_once() {
  [ -z "$apt_updated" ] || return 0
  apt_updated=1
  quietly apt-get.log apt-get update
}

# quietly LOG CMD...: output goes to a log whose tail is shown if CMD fails
quietly() {
  local log=$lab_dir/log/$1
  shift
  mkdir -p "$lab_dir/log"
  "$@" </dev/null >"$log" 2>&1 && return 0
  show_tail "$log"
  die "'$*' failed"
}

missing_packages() {
  local command package
  while read -r command package; do
    command -v "$command" >/dev/null || echo "$package"
  done <<'LIST' | sort -u
mmdebstrap mmdebstrap
systemd-nspawn systemd-container
ip iproute2
nsenter util-linux
flock util-linux
setsid util-linux
findmnt mount
python3 python3-minimal
lz4 lz4
xz xz-utils
zstd zstd
LIST
}

install_missing() {
  local packages
  mapfile -t packages < <(missing_packages)
  [ ${#packages[@]} -gt 0 ] || return 0
  say "installing ${packages[*]}"
  # Without lists apt knows no package; with stale ones the download may be gone from the mirror.
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}" \
    </dev/null >/dev/null 2>&1 && return 0
  apt_update_once
  DEBIAN_FRONTEND=noninteractive quietly apt-get.log \
    apt-get install -y --no-install-recommends "${packages[@]}"
}

require_machine() {
  [ "$(id -u)" = 0 ] || die "must run as root (it makes namespaces and mounts)"
  # one root's state is shared by concurrent calls: only one of them may run apt
  mkdir -p "$lab_dir"
  exec 8>"$lab_dir/machine.lock"
  flock 8
  install_missing
  exec 8>&-
  findmnt --mountpoint / >/dev/null ||
    die "'/' is not a mount point, which systemd-nspawn needs; bind-mount this root onto itself before chroot"
  [ -c /dev/net/tun ] || die "/dev/net/tun is missing; load the 'tun' module"
}

# The mirror for Debian's main archive, as this machine's apt knows it: works for both kinds of
# source file, and is never written down anywhere in the repository.
debian_mirror() {
  local mirror
  mirror=$(main_archive)
  if [ -z "$mirror" ]; then
    apt_update_once
    mirror=$(main_archive)
  fi
  [ -n "$mirror" ] || die "no source for Debian's main archive in this machine's apt configuration"
  echo "$mirror"
}

# without apt's cache files: somebody else's apt may be writing them
main_archive() {
  apt-get -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= indextargets --format '$(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "Debian" && $2 == "main" { print $3; exit }'
}
