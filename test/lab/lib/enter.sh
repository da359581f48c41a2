# Run a command in a host: its namespaces, its cgroup, a clean environment.

# enter_host NAME CMD...: replaces this shell; exit code and standard streams are CMD's own
enter_host() {
  local dir init cgroup
  dir=$(host_dir "$1")
  [ -d "$dir" ] || die "no host '$1' is up; 'lab list' shows those that are"
  init=$(living_pid "$dir/init") || die "host '$1' has ended; 'lab down $1' clears it away"
  shift
  # LXC and Docker derive their cgroups from the caller's: it must be one that exists inside
  cgroup=$(cat "$dir/cgroup")/payload/lab.scope
  mkdir -p "$cgroup" && echo "$BASHPID" >"$cgroup/cgroup.procs"
  # nsenter stays outside as the parent; when it is killed (a test's timeout) CMD must not live on.
  # --root: where this machine is itself a chroot, the namespace's root is not the root that init has.
  exec nsenter --target "$init" --all --root --wd -- \
    env -i --chdir=/root HOME=/root USER=root LOGNAME=root SHELL=/bin/bash LANG=C.UTF-8 TERM="${TERM:-dumb}" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/src/test/lab/host \
    setpriv --pdeathsig TERM -- "$@"
}

# the same for lab's own questions
enter_host_quietly() { (enter_host "$@") </dev/null; }
