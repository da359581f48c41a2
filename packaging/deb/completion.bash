# bash completion for ovs-port-agent
#
# Names of guests and devices are not ours to trust: they are read from files, never from a daemon, none is ever expanded
# or evaluated (compgen -W would do both), and one with a character that a shell reads is not offered.

# Adds the words of standard input that begin with what was typed, and are plain names.
_ovs_port_agent_names() {
	local name
	while IFS= read -r name; do
		[[ $name =~ ^[A-Za-z0-9_][A-Za-z0-9_.:@+-]*$ && $name == "$current"* ]] && COMPREPLY+=("$name")
	done
	return 0
}

# One name a line from what the agent and the kernel leave in files.
_ovs_port_agent_source() {
	local root=${OVS_PORT_AGENT_ROOT-} path
	local bindings=$root/run/ovs-port-agent/bindings
	case $1 in
	ports) for path in "$bindings"/vi*.json; do path=${path##*/}; printf '%s\n' "${path%.json}"; done ;;
	vmids) for path in "$bindings"/by-vmid/* "$root"/etc/pve/qemu-server/*.conf "$root"/etc/pve/lxc/*.conf; do
		path=${path##*/}; printf '%s\n' "${path%.conf}"; done ;;
	links) for path in "$root"/sys/class/net/*; do printf '%s\n' "${path##*/}"; done ;;
	guests) sed -n 's/.*"guest": *"\([A-Za-z0-9_.-]*\)".*/\1/p' "$bindings"/vi*.json 2>/dev/null ;;
	bridges) sed -n 's/.*"bridge": *"\([A-Za-z0-9_.-]*\)".*/\1/p' "$bindings"/vi*.json 2>/dev/null ;;
	containers) grep -oE '"(docker|lxc):[A-Za-z0-9_.-]+"' "$root/var/lib/ovs-port-agent/vmids.json" 2>/dev/null |
		sed 's/^"[a-z]*://; s/"$//' ;;
	esac
}

_ovs_port_agent() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} path='' word at kind
	local -a words=()
	COMPREPLY=()
	for ((at = 1; at < COMP_CWORD; at++)); do
		word=${COMP_WORDS[at]}
		case "$path $word" in
		' ledger' | ' proxmox' | ' netmaker' | ' config' | ' help') path=$word ;;
		' '[a-z]*) path=$word ;;
		'ledger '[a-z]* | 'netmaker '[a-z]* | 'config '[a-z]* | 'proxmox '[a-z]* | 'proxmox interfaces '[a-z]* | 'ledger witness '[a-z]*) path="$path $word" ;;
		esac
		case $path in '' | ledger | proxmox | netmaker | config | 'proxmox interfaces' | 'ledger witness' | help) ;; *) break ;; esac
	done

	case $previous in
	--file) kind=files ;;
	--guest) kind='guests vmids ports' ;;
	--port) kind=ports ;;
	--vmid) kind=vmids ;;
	--bridge) kind=bridges ;;
	--runtime) [[ $path == name ]] && words=(docker lxc) || words=(proxmox-qemu proxmox-lxc lxc docker manual) ;;
	--state) words=(attached unknown waiting held skipped unattached) ;;
	--format) [[ $path == 'ledger export' ]] && words=(jsonl csv) || words=(table wide json yaml csv) ;;
	--color) words=(auto always never) ;;
	--category | --columns | --since | --action | --head | --max-age | --lines | -n | --tag | --trunks | --mtu | --until | --hash | --by | --pid | --limit | --diff) return 0 ;;
	esac
	if [[ -z ${kind-} && ${#words[@]} -eq 0 ]]; then
		case $path in
		'') words=(run status doctor explain list events reconcile name create-interface remove-interface introspect proxmox netmaker ledger config help --version) ;;
		help) words=(run status doctor explain list events reconcile name create-interface remove-interface introspect proxmox netmaker ledger config) ;;
		ledger) words=(verify show tail stats checkpoint key rotate-key prove check-proof consistency index trace at import imported export report witness) ;;
		'ledger witness') words=(status key trust publish) ;;
		'ledger witness key') words=(--format) ;;
		proxmox) words=(enroll unenroll status interfaces) ;;
		'proxmox interfaces') words=(show apply remove) ;;
		netmaker) words=(list attest leases withdraw) ;;
		config) words=(check show reload) ;;
		list) words=(--all --watch --columns --bridge --runtime --state --guest --format) ;;
		events) words=(--lines --follow --category --action --vmid --port --guest --hash --by --pid --since --until --file) ;;
		explain) kind='ports vmids guests links' ;;
		name) words=(--runtime) kind='containers vmids' ;;
		create-interface) words=(--bridge --tag --trunks --mtu) kind=links ;;
		remove-interface) kind=ports ;;
		introspect) kind=bridges ;;
		'ledger verify') words=(--strict --fast --head --from --known-head --policy --max-age --progress) kind=files ;;
		'ledger show') words=(--category --action --vmid --port --guest --hash --by --pid --since --until --limit --lines --file) ;;
		'ledger tail') words=(--lines --follow --file) ;;
		'ledger stats') words=(--file) ;;
		'ledger key') words=(--format --all --file) ;;
		'ledger prove') words=(--out --file) ;;
		'ledger check-proof') words=(--key --block) kind=files ;;
		'ledger consistency') words=(--file) ;;
		'ledger index') words=(--rebuild --check --file) ;;
		'ledger trace') words=(--limit --file) ;;
		'ledger at') words=(--diff --file) ;;
		'ledger import') words=(--check) kind=files ;;
		'ledger export') words=(--format --tiles --category --action --vmid --port --guest --hash --by --pid --since --until --file) ;;
		'ledger report') words=(--since --until --no-verify --file) ;;
		'netmaker list') words=(--all) ;;
		'netmaker attest') kind=containers ;;
		'proxmox enroll') words=(--all --new) kind=vmids ;;
		'proxmox unenroll') words=(--all) kind=vmids ;;
		'config check') kind=files ;;
		'config show') words=(--changed) kind=files ;;
		esac
		case $path in '' | help | ledger | proxmox | netmaker | config | 'proxmox interfaces' | 'ledger witness') ;; *) words+=(--json) ;; esac
		[[ $path == help ]] || words+=(--help --color --no-pager)
	fi

	for word in "${words[@]}"; do [[ $word == "$current"* ]] && COMPREPLY+=("$word"); done
	for at in ${kind-}; do
		if [[ $at == files ]]; then
			compopt -o filenames 2>/dev/null
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current")
		else _ovs_port_agent_names < <(_ovs_port_agent_source "$at" | sort -u); fi
	done
	return 0
}
complete -F _ovs_port_agent ovs-port-agent
