// All that a host's kernel knows of its network, as lines that can be compared.
import type { Host } from './host.ts';

/** What counts, ages, or belongs to a guest's own card is no setting of the host. */
const LOOK = `
look() { echo "== $1"; shift; "$@" 2>/dev/null || true; }
look sysctl sysctl --all --pattern '^net\\.'
look nft nft --stateless list ruleset
look iptables iptables-save
look ip6tables ip6tables-save
look addresses ip -oneline address
for family in -4 -6; do
  look "routes $family" ip $family route show table all
  look "rules $family" ip $family rule
  look "proxies $family" ip $family neighbour show proxy
done
`;

const VOLATILE = [
  /nf_conntrack_count|\.neigh\.\S+\.(?:retrans|base_reachable)|tcp_fastopen_key|netfilter\.nf_log/,
  /^#|^\s*#/,
];

export async function networkState(host: Host): Promise<string[]> {
  const text = await host.sh(LOOK);
  return text
    .split('\n')
    .filter((line) => !VOLATILE.some((pattern) => pattern.test(line)))
    .map((line) =>
      line
        .replace(/ \[\d+:\d+\]$/, '')
        .replace(/ expires \d+sec| valid_lft \S+ preferred_lft \S+/g, '')
        .replace(/^(\d+): (?=\S+ +inet)/, ''),
    );
}
