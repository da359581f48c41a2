// What others hear of a container that sends under a false name.
import type { MeshHost } from './netmaker-host.ts';

/** Datagrams of `spoof`, and unsolicited answers of ARP and NDP; whatever else is on the wire is not meant. */
const FILTER =
  'udp dst port 7000 or (arp[6:2] = 2 and ether broadcast) or (ip6[6] = 58 and ip6[40] = 136 and ip6 dst ff02::1)';

export interface Heard {
  /** What came to each, line by line. */
  host: string[];
  neighbour: string[];
  remote: string[];
}

/**
 * Sends five lies from a card of `liar` and then one true word from its ovs0; both are arguments of the stand-in `spoof`.
 * Once the true word is heard, the lies would have been.
 */
export async function heardOf(
  host: MeshHost,
  {
    liar,
    neighbour,
    lie,
    truth,
    card = 'ovs0',
  }: { liar: string; neighbour: string; lie: string; truth: string; card?: string },
): Promise<Heard> {
  const text = await host.sh(`
    at() { nsenter --net=/proc/$(docker inspect --format '{{.State.Pid}}' "$1")/ns/net -- "\${@:2}"; }
    listen() { "\${@:2}" --immediate-mode -nel "${FILTER}" >/tmp/$1 2>/tmp/$1.log & }
    rm -f /tmp/heard-*
    listen heard-host tcpdump -i ovsbr1 -Q in
    listen heard-neighbour at ${neighbour} tcpdump -i ovs0 -Q in
    listen heard-remote ip netns exec remote tcpdump -i eth0
    for log in /tmp/heard-{host,neighbour,remote}.log; do
      timeout 5 sh -c 'until grep -q listening $0; do sleep 0.05; done' $log
    done
    at ${liar} spoof ${card} ${lie} --count 5
    at ${liar} spoof ovs0 ${truth} --count 1
    timeout 5 sh -c 'until [ -s /tmp/heard-host ]; do sleep 0.05; done'
    sleep 0.2
    kill $(jobs -p)
    wait || true
    jq -n --rawfile host /tmp/heard-host --rawfile neighbour /tmp/heard-neighbour --rawfile remote /tmp/heard-remote \
      '{host: $host, neighbour: $neighbour, remote: $remote} | map_values(split("\\n") | map(select(. != "")))'`);
  return JSON.parse(text) as Heard;
}
