# The three guests: how each is made, started, seen and stopped. All addresses are inside the host.

hook=/var/lib/ovs-port-agent/hooks/lxc

define_guests() {
	show qm create 101 --name web --net0 virtio,bridge=ovsbr0 --ipconfig0 ip=10.0.0.101/24 --hookscript local:snippets/ovs-port-agent
	show lxc-guest create 200 --ip 10.0.0.200/24 --script-up $hook --script-down $hook
}

start_vm() { show qm start 101 && has_port vi101; }

start_lxc() { show lxc-guest start 200 && has_port vi200; }

start_docker() {
	show docker run --detach --name netmaker-server --label dev.ovs.portagent.address=10.0.1.50/24 opa-test &&
		has_port vi1000000
}

# has_port PORT: Docker tells of a container after it has started, so give it a moment
has_port() {
	in_host timeout 10 sh -c "until ovs-port-agent list --json | grep -q '\"$1\"'; do sleep 0.1; done"
}

list_ports() {
	show ovs-port-agent list
	[ "$(in_host ovs-port-agent list --json | in_host jq -r '.[] | [.port, .guest, .runtime, .bridge] | join(" ")' | sort)" = \
		'vi1000000 netmaker-server docker ovsbr1
vi101 web proxmox-qemu ovsbr0
vi200 200 lxc ovsbr0' ]
}

# How long each port took, by the ledger's own clock: from the guest's event to the port that ovs-vswitchd has opened.
show_times() {
	in_host jq -rs -f /src/scripts/demo.d/port-times.jq /var/lib/ovs-port-agent/ledger.jsonl | sed 's/^/    /'
}

# answers ADDRESS: five of five pings, once it has booted
answers() {
	in_host timeout 60 sh -c "until ping -c 1 -W 1 $1 >/dev/null 2>&1; do sleep 0.2; done" || return
	show ping -q -c 5 -i 0.2 "$1" | sed '/^ *$/d; /PING/d; /---/d' | tee "$logs/ping"
	grep -q ' 5 received' "$logs/ping"
}

stop_guests() {
	show qm stop 101 && show lxc-guest stop 200 && show docker rm --force netmaker-server &&
		in_host timeout 10 sh -c 'until [ "$(ovs-port-agent list --json)" = "[]" ]; do sleep 0.1; done'
}

# Asked of Open vSwitch, NetworkManager and the kernel themselves.
nothing_left() {
	nothing_from 'ovs-vsctl list-ports ovsbr0' &&
		nothing_from 'ovs-vsctl list-ports ovsbr1' &&
		nothing_from 'nmcli --get-values NAME connection | grep -w "vi[0-9]*"' &&
		nothing_from 'ls /sys/class/net | grep -E "^(vi|tap|veth)"' &&
		nothing_from 'ls /var/lib/ovs-port-agent/spool'
}

nothing_from() {
	local found
	printf '    # %s\n' "$1"
	found=$(in_host sh -c "$1" </dev/null 2>&1)
	[ -z "$found" ] || { sed 's/^/    /' <<<"$found" && return 1; }
}

read_ledger() {
	show ovs-port-agent ledger show && show ovs-port-agent ledger verify
}
