#!/bin/sh
exec /usr/bin/node /usr/lib/ovs-port-agent/cli.cjs "$@"
