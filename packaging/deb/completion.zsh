#compdef ovs-port-agent
# zsh completion for ovs-port-agent
#
# Names of guests and devices are read from files, never from a daemon, and none is ever expanded or evaluated: compadd
# takes each as it is and quotes it, and one with a character that a shell reads is not offered.

# Offers the plain names of standard input.
_ovs_port_agent_names() {
  local name
  local -a names
  while IFS= read -r name; do
    [[ $name =~ '^[A-Za-z0-9_][A-Za-z0-9_.:@+-]*$' ]] && names+=("$name")
  done
  compadd -a names
}

_ovs_port_agent_source() {
  emulate -L zsh -o null_glob
  local root=${OVS_PORT_AGENT_ROOT-} file
  local bindings=$root/run/ovs-port-agent/bindings
  case $1 in
    ports) for file in $bindings/vi*.json; do print -r -- ${${file:t}%.json}; done ;;
    vmids) for file in $bindings/by-vmid/* $root/etc/pve/qemu-server/*.conf $root/etc/pve/lxc/*.conf; do
        print -r -- ${${file:t}%.conf}; done ;;
    links) for file in $root/sys/class/net/*; do print -r -- ${file:t}; done ;;
    guests) cat /dev/null $bindings/vi*.json | sed -n 's/.*"guest": *"\([A-Za-z0-9_.-]*\)".*/\1/p' ;;
    bridges) cat /dev/null $bindings/vi*.json | sed -n 's/.*"bridge": *"\([A-Za-z0-9_.-]*\)".*/\1/p' ;;
    containers) grep -oE '"(docker|lxc):[A-Za-z0-9_.-]+"' $root/var/lib/ovs-port-agent/vmids.json 2>/dev/null |
        sed 's/^"[a-z]*://; s/"$//' ;;
  esac
}

_ovs-port-agent() {
  local current=$words[CURRENT] previous=$words[CURRENT-1] path_='' word kind='' at
  local -a offered
  for ((at = 2; at < CURRENT; at++)); do
    word=$words[at]
    [[ $word == -* || $word != [a-z]* ]] && continue
    case $path_ in
      '') path_=$word ;;
      ledger|netmaker|config|proxmox|'proxmox interfaces'|'ledger witness') path_="$path_ $word" ;;
    esac
    case $path_ in ''|ledger|proxmox|netmaker|config|'proxmox interfaces'|'ledger witness'|help) ;; *) break ;; esac
  done

  case $previous in
    --file) kind=files ;;
    --guest) kind='guests vmids ports' ;;
    --port) kind=ports ;;
    --vmid) kind=vmids ;;
    --bridge) kind=bridges ;;
    --runtime) [[ $path_ == name ]] && offered=(docker lxc) || offered=(proxmox-qemu proxmox-lxc lxc docker manual) ;;
    --state) offered=(attached unknown waiting held skipped unattached) ;;
    --format) [[ $path_ == 'ledger export' ]] && offered=(jsonl csv) || offered=(table wide json yaml csv) ;;
    --color) offered=(auto always never) ;;
    --category|--columns|--since|--action|--head|--max-age|--lines|-n|--tag|--trunks|--mtu|--until|--hash|--by|--pid|--limit|--diff) return 0 ;;
  esac
  if [[ -z $kind && $#offered -eq 0 ]]; then
    case $path_ in
      '') offered=(run status doctor explain list events reconcile name create-interface remove-interface introspect proxmox netmaker ledger config help --version) ;;
      help) offered=(run status doctor explain list events reconcile name create-interface remove-interface introspect proxmox netmaker ledger config) ;;
      ledger) offered=(verify show tail stats checkpoint key rotate-key prove check-proof consistency index trace at import imported export report witness) ;;
      'ledger witness') offered=(status key trust publish) ;;
      'ledger witness key') offered=(--format) ;;
      proxmox) offered=(enroll unenroll status interfaces) ;;
      'proxmox interfaces') offered=(show apply remove) ;;
      netmaker) offered=(list attest leases withdraw) ;;
      config) offered=(check show reload) ;;
      list) offered=(--all --watch --columns --bridge --runtime --state --guest --format) ;;
      events) offered=(--lines --follow --category --action --vmid --port --guest --hash --by --pid --since --until --file) ;;
      explain) kind='ports vmids guests links' ;;
      name) offered=(--runtime) kind='containers vmids' ;;
      create-interface) offered=(--bridge --tag --trunks --mtu) kind=links ;;
      remove-interface) kind=ports ;;
      introspect) kind=bridges ;;
      'ledger verify') offered=(--strict --fast --head --from --known-head --policy --max-age --progress) kind=files ;;
      'ledger show') offered=(--category --action --vmid --port --guest --hash --by --pid --since --until --limit --lines --file) ;;
      'ledger tail') offered=(--lines --follow --file) ;;
      'ledger stats') offered=(--file) ;;
      'ledger key') offered=(--format --all --file) ;;
      'ledger prove') offered=(--out --file) ;;
      'ledger check-proof') offered=(--key --block) kind=files ;;
      'ledger consistency') offered=(--file) ;;
      'ledger index') offered=(--rebuild --check --file) ;;
      'ledger trace') offered=(--limit --file) ;;
      'ledger at') offered=(--diff --file) ;;
      'ledger import') offered=(--check) kind=files ;;
      'ledger export') offered=(--format --tiles --category --action --vmid --port --guest --hash --by --pid --since --until --file) ;;
      'ledger report') offered=(--since --until --no-verify --file) ;;
      'netmaker list') offered=(--all) ;;
      'netmaker attest') kind=containers ;;
      'proxmox enroll') offered=(--all --new) kind=vmids ;;
      'proxmox unenroll') offered=(--all) kind=vmids ;;
      'config check') kind=files ;;
      'config show') offered=(--changed) kind=files ;;
    esac
    case $path_ in ''|help|ledger|proxmox|netmaker|config|'proxmox interfaces'|'ledger witness') ;; *) offered+=(--json) ;; esac
    [[ $path_ == help ]] || offered+=(--help --color --no-pager)
  fi

  (( $#offered )) && compadd -a offered
  for at in ${=kind}; do
    if [[ $at == files ]]; then _files
    else _ovs_port_agent_names < <(_ovs_port_agent_source $at | sort -u); fi
  done
  return 0
}

_ovs-port-agent "$@"
