# bash completion for ovs-port-agent
_ovs_port_agent() {
	local current=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]-} words
	if [ "$COMP_CWORD" -eq 1 ]; then
		words='run status doctor explain list events reconcile name create-interface remove-interface introspect proxmox netmaker ledger help --help --version'
	elif [ "$verb" = ledger ] && [ "$COMP_CWORD" -eq 2 ]; then
		words='verify show tail stats --help'
	elif [ "$verb" = proxmox ] && [ "$COMP_CWORD" -eq 2 ]; then
		words='enroll unenroll status interfaces --help'
	elif [ "$verb" = netmaker ] && [ "$COMP_CWORD" -eq 2 ]; then
		words='list attest leases --help'
	elif [ "$verb ${COMP_WORDS[2]}" = 'proxmox interfaces' ] && [ "$COMP_CWORD" -eq 3 ]; then
		words='show apply remove --help'
	else
		words='--json --help'
		case $verb in ledger | proxmox | netmaker) verb="$verb ${COMP_WORDS[2]}" ;; esac
		case $verb in
		events | 'ledger tail') words="$words --lines --follow --file" ;;
		'ledger verify') words="$words --fast --head --progress" ;;
		'ledger show') words="$words --category --guest --file" ;;
		'ledger stats') words="$words --file" ;;
		'netmaker list') words="$words --all" ;;
		'proxmox enroll' | 'proxmox unenroll') words="$words --all $(ls /etc/pve/qemu-server /etc/pve/lxc 2>/dev/null | sed -n 's/\.conf$//p')" ;;
		name) words="$words --runtime $(docker ps --format '{{.Names}}' 2>/dev/null)" ;;
		introspect) words="$words $(ovs-port-agent introspect --json 2>/dev/null | sed -n '/"ovs_bridges"/,/^  ]/s/^      "name": "\([A-Za-z0-9_.-]*\)",$/\1/p')" ;;
		create-interface) words="$words $(ls /sys/class/net)" ;;
		explain | remove-interface) words="$words $(ovs-port-agent list --json 2>/dev/null | grep -oE '"vi[0-9]+(i[0-9]+)?"' | tr -d '"' | sort -u)" ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	case "${COMP_WORDS[*]}" in
	*' ledger verify '* | *' --file '*) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current") ;;
	esac
}
complete -F _ovs_port_agent ovs-port-agent
