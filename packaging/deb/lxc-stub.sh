#!/bin/sh
# Runs the LXC hook of ovs-port-agent. Made by the package, kept when the package is removed: a container
# whose config names this file would not start without it. Safe to delete once no config names it.

hook=/usr/lib/ovs-port-agent/lxc-hook.cjs
node=/usr/bin/node
# Asks the agent without starting Node, where it can.
fast=/usr/lib/ovs-port-agent/hook.pl
perl=/usr/bin/perl

# Gone, half upgraded, or not run by root, who owns the hook and alone may talk to the agent: then the guest starts without us.
[ -O "$hook" ] && [ -x "$node" ] || exit 0

if [ -O "$fast" ] && [ -x "$perl" ]; then
	PERL5OPT='' PERL5LIB='' "$perl" "$fast" lxc "$@"
	code=$?
	[ $code = 0 ] && exit 0
	[ $code = 3 ] && exit 3
fi

NODE_OPTIONS='' "$node" "$hook" "$@"
# The hook itself ends with 3 when "strict" is set and the port could not be made. Any other failure is ours, not the guest's.
[ $? = 3 ] && exit 3
exit 0
