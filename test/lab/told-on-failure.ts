// What a host looks like at the moment a test of it fails, printed: afterwards the host is gone, and its cause with it.
import { afterEach } from 'vitest';
import type { Host } from './host.ts';

const LOOKS = `
exec 2>&1
look() { echo "--- $*"; timeout 10 "$@"; }
look date +%T.%N
look uptime
look ovs-port-agent status
look ovs-port-agent list
look ovs-vsctl --timeout=5 show
for bridge in $(timeout 5 ovs-vsctl --timeout=5 list-br); do
  look ovs-appctl -t ovs-vswitchd fdb/show $bridge
  look ovs-ofctl -O OpenFlow14 dump-flows $bridge
  look ovs-ofctl -O OpenFlow14 dump-ports $bridge
done
look ip address
look ip -6 route show table all
look nft list ruleset
look ip neigh
look ip route
for space in $(ip netns list | cut -d' ' -f1); do look ip netns exec $space ip neigh; look ip netns exec $space ip route; done
look docker ps -a
for pid in $(docker ps -q | xargs -r docker inspect -f '{{.State.Pid}}') $(lxc-ls -1 --running | xargs -rn1 lxc-info -p -H -n); do
  for what in link address rule neigh 'route show table all'; do look nsenter --net=/proc/$pid/ns/net ip -s $what; done
done
! which nmcli >/dev/null || look nmcli device
tail -n 60 /var/lib/ovs-port-agent/ledger.jsonl | jq -c '.block | [.height, .timestamp, .action, .cause, .data]' | cut -c1-400
journalctl --no-pager -o short-precise -n 120 | cut -c1-300
true`;

/** For the tests of a file or a `describe`: prints the host's state after each that fails. */
export function toldOnFailure(host: () => Host | undefined): void {
  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail') return;
    const { stdout } = (await host()
      ?.exec(['bash', '-c', LOOKS], { timeout: 120_000 })
      .catch((error: Error) => ({ stdout: String(error) }))) ?? { stdout: 'no host' };
    process.stderr.write(`the host when "${task.name}" failed:\n${stdout}\n`);
  }, 130_000);
}
