// From what a STUN probe saw to a verdict; pure.

import type { FailedBecause } from './binding.ts';
import type { Seen } from './witness.ts';

/** What was seen from inside a container, for one address family. */
export interface Probed {
  family: 4 | 6;
  /** `onHost`: the server has an address of this very host. */
  server: { host: string; port: number; onHost: boolean };
  /** The source that the kernel chooses for the server. */
  local?: string;
  /** As whom the server sees it. */
  mapped?: string;
  rttMs?: number;
  failure?: string;
  /** `no-probe`: nothing could be run inside. */
  why?: FailedBecause | 'no-probe';
  /** What this host has seen pass; undefined when it could not watch. */
  seen?: Seen;
}

export type Verdict = 'public' | 'unproven' | 'behind_nat' | 'unreachable' | 'no-address';

export interface Judgement {
  verdict: Verdict;
  mapped: string | null;
  local: string | null;
  /** One line. */
  reason: string;
}

/** `leased`: the container's addresses of this family, canonical. Without `probe`: there was no server to ask. */
export interface Evidence {
  leased: readonly string[];
  probe?: Probed;
}

/**
 * netclient's own rule (its NatType): public is who is seen under the address that it sends from. Here it must be the
 * leased one as well, and this host has to have seen question and answer pass: a container that may change its network can
 * answer itself, in any server's name.
 */
export function judge({ leased, probe }: Evidence): Judgement {
  const local = probe?.local ?? null;
  const mapped = probe?.mapped ?? null;
  const seen = { mapped, local };
  if (leased.length === 0) return { ...seen, verdict: 'no-address', reason: 'It has no address from a pool' };
  if (probe === undefined) {
    const family = leased.some((address) => address.includes(':')) ? 'IPv6' : 'IPv4';
    return {
      ...seen,
      verdict: 'unreachable',
      reason: `There is no STUN server to ask over ${family}: set stun_server or responder in [netmaker]`,
    };
  }
  if (mapped === null || local === null) {
    return { ...seen, verdict: 'unreachable', reason: whyUnreachable(leased, probe) };
  }
  const isPublic = mapped === local && leased.includes(local);
  if (isPublic && !(probe.seen?.asked && probe.seen.told)) {
    return { ...seen, verdict: 'unproven', reason: whyUnproven(mapped, probe) };
  }
  const reason = isPublic ? `Seen as ${mapped}, its own address` : whyNotPublic(leased, local, mapped);
  return {
    ...seen,
    verdict: isPublic ? 'public' : 'behind_nat',
    reason: `${reason}${isPublic && probe.server.onHost ? SAME_HOST : ''}`,
  };
}

const SAME_HOST = '; the server is on this host, so nothing is proven of the way from outside';

function whyUnproven(mapped: string, { seen, server }: Probed): string {
  const name = nameOf(server);
  const beginning = `It says that ${name} sees it as ${mapped}, its own address, but`;
  if (seen === undefined) return `${beginning} this host could not watch the exchange (does nft work?)`;
  if (!seen.asked) {
    return `${beginning} no such question has passed this host: the container answered itself, or ${name} is on the bridge`;
  }
  return `${beginning} no answer of that kind has passed this host: it may have come from the container itself`;
}

const nameOf = ({ host, port }: Probed['server']) =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

function whyNotPublic(leased: readonly string[], local: string, mapped: string): string {
  const own = leased.join(' or ');
  if (leased.includes(local)) {
    return `Sent from ${local}, seen as ${mapped}: NAT on the way rewrites it (masquerading by Docker, a firewall or a router?)`;
  }
  if (leased.includes(mapped)) {
    return `Sent from ${local}, seen as ${mapped}: translated one to one; to a netclient, set ENDPOINT=${mapped}`;
  }
  const seen = mapped === local ? '' : `, seen as ${mapped}`;
  return `Sent from ${local}${seen}, not from ${own}: its route leads through another interface (Docker's network?)`;
}

function whyUnreachable(leased: readonly string[], { why, local, failure, server }: Probed): string {
  const name = nameOf(server);
  switch (why) {
    case 'no-route':
      return `From inside, ${name} ${failure}: no default route or no address (is its interface up?)`;
    case 'refused':
      return `At ${name} nobody listens: is the STUN server on?`;
    case 'answer':
      return `Of ${name}: ${failure}`;
    case 'silent':
      return local !== undefined && !leased.includes(local)
        ? `From ${name} ${failure}: it sends from ${local}, not ${leased.join(' or ')}, through another interface (Docker's network?)`
        : `From ${name} ${failure}: the server is off, a firewall drops it, or nothing leads back to the address`;
    default:
      return failure ?? 'The probe said nothing';
  }
}
