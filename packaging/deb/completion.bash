# bash completion for ovs-port-agent
_ovs_port_agent() {
	local current=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]-} words
	if [ "$COMP_CWORD" -eq 1 ]; then
		words='run status list events reconcile name create-interface remove-interface ledger --help --version'
	else
		words='--json --help'
		case $verb in
		ledger) [ "$COMP_CWORD" -eq 2 ] && words='verify show tail stats' ;;
		# Containers by name, as Docker knows them.
		name | create-interface) words="$words $(docker ps --format '{{.Names}}' 2>/dev/null)" ;;
		remove-interface) words="$words $(ovs-port-agent list --json 2>/dev/null | grep -oE '\bvi[0-9]+(i[0-9]+)?\b' | sort -u)" ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _ovs_port_agent ovs-port-agent
