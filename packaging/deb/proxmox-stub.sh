#!/bin/sh
# Runs the hook of ovs-port-agent, then the hookscript that the guest had before. Made by the package, kept when the package is
# removed: a guest whose config names this file would not start without it. Safe to delete once no config names it.

hook=/usr/lib/ovs-port-agent/proxmox-hook.cjs
node=/usr/bin/node
# Asks the agent without starting Node, where it can.
fast=/usr/lib/ovs-port-agent/hook.pl
perl=/usr/bin/perl
pve=/etc/pve
records=$pve/ovs-port-agent/hookscripts

# What Proxmox does when a hookscript cannot be run: an error, which before a start ends the start.
refuse() {
	echo "ovs-port-agent: $1" >&2
	exit 1
}

# Gone, half upgraded, or not run by root, who owns the hook and alone may talk to the agent: then the guest starts without us.
ours=0
if [ -O "$hook" ] && [ -x "$node" ]; then
	# What comes in on stdin is for the former hookscript.
	if [ -O "$fast" ] && [ -x "$perl" ]; then
		PERL5OPT='' PERL5LIB='' "$perl" "$fast" proxmox "$@" </dev/null
	else
		false
	fi
	code=$?
	case $code in
	0 | 3) ;;
	*)
		NODE_OPTIONS='' "$node" "$hook" "$@" </dev/null
		code=$?
		;;
	esac
	# The hook itself ends with 3 when "strict" is set and the port could not be made. Any other failure is ours, not the guest's.
	[ $code = 3 ] && ours=3
fi
# Only a start can be refused. In the other phases the former hookscript must have its chance to clean up.
[ "$ours-${2-}" = 3-pre-start ] && exit 3

case ${1-} in
'' | *[!0-9]*) exit "$ours" ;;
esac
record=$records/$1
[ -e "$record" ] || exit "$ours"

damaged="$record, which says what hookscript the guest had before, is damaged"

# Read as data, never run: four lines, or five, as src/runtimes/proxmox/hookscript/record.ts writes them.
head='' state='' volume='' former='' marks='' more=''
{
	IFS= read -r head && IFS= read -r state && IFS= read -r volume && IFS= read -r former
	whole=$?
	if [ "$head" = 'ovs-port-agent hookscript 2' ]; then
		IFS= read -r marks && [ -n "$marks" ] || whole=1
	fi
	! IFS= read -r more || whole=1
} <"$record"
case $head in
'ovs-port-agent hookscript 1' | 'ovs-port-agent hookscript 2') ;;
*) refuse "$damaged" ;;
esac
if [ "$whole" != 0 ] || [ -n "$more" ]; then
	refuse "$damaged"
fi
case $marks in
*[!0-9a-z=:\ -]*) refuse "$damaged" ;;
'' | - | uuid=* | mac=*) ;;
*) refuse "$damaged" ;;
esac
case $state in
enrolled | unenrolled) ;;
*) refuse "$damaged" ;;
esac
case $former in
-) exit "$ours" ;;
/*) ;;
*) refuse "$damaged" ;;
esac

# The marks that tell this guest from others, as src/runtimes/proxmox/config/guest-marks.ts finds them: present state only. While a VM
# migrates, its configuration is still with the other node.
present_marks() {
	for config in "$pve"/nodes/*/qemu-server/"$1.conf" "$pve"/nodes/*/lxc/"$1.conf"; do
		[ ! -f "$config" ] || LC_ALL=C sed -n '
			/^\[/q
			y/ABCDEF/abcdef/
			s/[[:space:]]*$//
			s/^smbios1:[[:space:]]*\(.*,\)\{0,1\}uuid=\([0-9a-f]\{8\}\(-[0-9a-f]\{4\}\)\{3\}-[0-9a-f]\{12\}\)\(,.*\)\{0,1\}$/uuid=\2/p
			s/^net[0-9]\{1,\}:[[:space:]]*\(.*,\)\{0,1\}[a-z0-9_-]\{1,\}=\(\([0-9a-f]\{2\}:\)\{5\}[0-9a-f]\{2\}\)\(,.*\)\{0,1\}$/mac=\2/p
		' "$config"
	done
}

# Whether the record was written for this guest: one mark of both is enough, none of both too.
is_of_this_guest() {
	[ -n "$marks" ] || return 0
	present=$(present_marks "$1")
	if [ "$marks" = - ]; then
		[ -z "$present" ]
		return
	fi
	# In words, as both are lists of marks and nothing else.
	# shellcheck disable=SC2086
	for mark in $marks; do
		printf '%s\n' "$present" | grep -qxF -e "$mark" && return 0
	done
	return 1
}

# A guest that took over the number of another one, mostly a clone: that one's hookscript is none of its business.
if ! is_of_this_guest "$1"; then
	echo "ovs-port-agent: the hookscript $volume of an earlier guest $1 does not run for this one; see: ovs-port-agent proxmox status"
	exit "$ours"
fi

# A copy of this file under another name must not call itself for ever. Debian's sh knows -ef.
# shellcheck disable=SC3013
[ "$former" -ef "$0" ] && exit "$ours"
[ -f "$former" ] || refuse "the guest's own hookscript $volume: script '$former' does not exist"
[ -x "$former" ] || refuse "the guest's own hookscript $volume: script '$former' is not executable"
exec "$former" "$@"
