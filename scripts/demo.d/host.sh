# The package and the throw-away host that it is installed on.

lab=test/lab/lab
declare -A jobs

# apt finds no terminal in there; it need not say so at length
in_host() { "$lab" exec "$host" -- env DEBIAN_FRONTEND=noninteractive "$@"; }

# Both jobs below may want apt, which takes one at a time; so this comes first.
test_hosts_possible() { "$lab" ready 2>&1 | relay machine; }

build_package() { scripts/bootstrap && scripts/deb; }

boot_host() {
	local owner=$$
	[ -z "${KEEP-}" ] || owner= # a kept host outlives this script
	"$lab" build forky && LAB_OWNER=$owner "$lab" up forky "$host" && prepare_host
}

# What is on a Proxmox host before us: its tree of guests, a Docker image; and the wish that the bridges have addresses.
prepare_host() {
	in_host pve-init && in_host docker-image >/dev/null && put /etc/ovs-port-agent/config.toml <<-'END' &&
		[bridges.ovsbr0]
		addresses = ["10.0.0.1/24"]
		[bridges.ovsbr1]
		addresses = ["10.0.1.1/24"]
	END
		put /etc/apt/apt.conf.d/90demo <<-'END'
			// No terminal is there to ask whether that configuration may stay.
			Dpkg::Options { "--force-confold"; };
			Dpkg::Use-Pty "false";
		END
}

# put PATH: a file in the host, from stdin
put() { in_host sh -c 'mkdir -p "$(dirname "$0")" && cat >"$0"' "$1"; }

# in_background NAME FUNCTION: its progress is relayed, its result kept for `finished`
in_background() {
	set -m # a process group of its own, so that `end` can end all of it
	(
		trap - EXIT
		trap : TERM # of the group only the work ends at once; the rest hears it out
		began=$EPOCHREALTIME
		{
			"$2" </dev/null
			echo "$? $(seconds_since "$began")" >"$logs/$1.result"
		} 2>&1 | (trap '' TERM && tee "$logs/$1.log" | relay "$1")
	) &
	jobs[$1]=$!
	set +m
}

# finished NAME WHAT: waits for it, and puts it into the table
finished() {
	local code=1 seconds='?'
	wait "${jobs[$1]}"
	unset "jobs[$1]"
	read -r code seconds <"$logs/$1.result"
	note "$2" "$code" "$seconds"
}

install_package() {
	local deb
	deb=/src/dist/ovs-port-agent_$(node -p 'require("./package.json").version')_all.deb
	show apt-get install --yes -qq "$deb" && show ovs-port-agent status
}

# Runs at every exit: nothing of the demo stays, unless asked for.
end() {
	local code=$? job
	trap '' INT TERM HUP
	for job in "${jobs[@]}"; do kill -TERM -- "-$job" 2>/dev/null; done
	wait
	if "$lab" list | grep "^$host .* up " >/dev/null && [ -n "${KEEP-}" ]; then
		how_to_enter
	elif "$lab" list | grep "^$host " >/dev/null; then
		"$lab" down "$host"
	fi
	exit $code
}

how_to_enter() {
	cat <<-END

		The host is up. Enter it:   $lab shell $host
		  in it, for example:      qm start 101; ovs-port-agent list; ovs-port-agent events
		End it:                    $lab down $host
	END
}
