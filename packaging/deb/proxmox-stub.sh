#!/bin/sh
# Runs the hook of ovs-port-agent, then the hookscript that the guest had before. Made by the package, kept when the package is
# removed: a guest whose config names this file would not start without it. Safe to delete once no config names it.

hook=/usr/lib/ovs-port-agent/proxmox-hook.cjs
node=/usr/bin/node
records=/etc/pve/ovs-port-agent/hookscripts

# What Proxmox does when a hookscript cannot be run: an error, which before a start ends the start.
refuse() {
	echo "ovs-port-agent: $1" >&2
	exit 1
}

# Gone, half upgraded, or not run by root, who owns the hook and alone may talk to the agent: then the guest starts without us.
ours=0
if [ -O "$hook" ] && [ -x "$node" ]; then
	# What comes in on stdin is for the former hookscript.
	NODE_OPTIONS='' "$node" "$hook" "$@" </dev/null
	# The hook itself ends with 3 when "strict" is set and the port could not be made. Any other failure is ours, not the guest's.
	[ $? = 3 ] && ours=3
fi
# Only a start can be refused. In the other phases the former hookscript must have its chance to clean up.
[ "$ours-${2-}" = 3-pre-start ] && exit 3

case ${1-} in
'' | *[!0-9]*) exit "$ours" ;;
esac
record=$records/$1
[ -e "$record" ] || exit "$ours"

damaged="$record, which says what hookscript the guest had before, is damaged"

# Read as data, never run: four lines and no fifth, as src/core/hookscript/record.ts writes them.
head='' state='' volume='' former='' more=''
{
	IFS= read -r head && IFS= read -r state && IFS= read -r volume && IFS= read -r former
	whole=$?
	IFS= read -r more
} <"$record"
[ "$head" = 'ovs-port-agent hookscript 1' ] && [ "$whole" = 0 ] && [ -z "$more" ] || refuse "$damaged"
case $state in
enrolled | unenrolled) ;;
*) refuse "$damaged" ;;
esac
case $former in
-) exit "$ours" ;;
/*) ;;
*) refuse "$damaged" ;;
esac
# A copy of this file under another name must not call itself for ever. Debian's sh knows -ef.
# shellcheck disable=SC3013
[ "$former" -ef "$0" ] && exit "$ours"
[ -f "$former" ] || refuse "the guest's own hookscript $volume: script '$former' does not exist"
[ -x "$former" ] || refuse "the guest's own hookscript $volume: script '$former' is not executable"
exec "$former" "$@"
