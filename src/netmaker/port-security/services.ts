// What may be opened towards a port, as OpenFlow matches.
import { z } from 'zod';
import { AgentError } from '../../core/lib/errors.ts';
import type { ServiceRule } from '../../core/plan/port-security.ts';

const portSchema = z.coerce.number().int().min(1).max(65535);
const serviceSchema = z.object({ first: portSchema, last: portSchema, protocol: z.enum(['tcp', 'udp']) });

const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmp6: 58 } as const;

/** True when everything may come in, so that nothing has to be tracked. */
export function allowsAll(rules: readonly ServiceRule[]): boolean {
  return rules.includes('all');
}

/**
 * Matches of first packets that may come in, for both families, without repetition. They are of what connection
 * tracking found and not of the packet's own fields, which a fragment has not. OpenFlow has no ranges: a range becomes value/mask pairs, 28 at most. Throws `bad-argument` for a rule that is none.
 */
export function serviceMatches(rules: readonly ServiceRule[]): string[] {
  return [...new Set(rules.flatMap(matchesOf))];
}

function matchesOf(rule: ServiceRule): string[] {
  if (rule === 'all') return ['ip', 'ipv6'];
  if (rule === 'icmp') return [`ip,ct_nw_proto=${PROTOCOL.icmp}`, `ipv6,ct_nw_proto=${PROTOCOL.icmp6}`];
  const { first, last, protocol } = parseService(rule);
  return maskedPorts(first, last).flatMap((port) =>
    ['ip', 'ipv6'].map((family) => `${family},ct_nw_proto=${PROTOCOL[protocol]},ct_tp_dst=${port}`),
  );
}

function parseService(rule: string) {
  const parts = /^(?<first>\d{1,5})(?:-(?<last>\d{1,5}))?\/(?<protocol>\w+)$/.exec(rule)?.groups;
  const service = serviceSchema.safeParse({ ...parts, last: parts?.last ?? parts?.first });
  if (service.success && service.data.first <= service.data.last) return service.data;
  const text = `${JSON.stringify(rule)} is not "all", "icmp" or ports as 51821-51830/udp`;
  throw new AgentError('bad-argument', text, { cause: service.error });
}

/** The fewest aligned blocks that cover exactly `first` to `last`, as `0xVALUE/0xMASK`, or one plain number. */
export function maskedPorts(first: number, last: number): string[] {
  const blocks: string[] = [];
  for (let start = first; start <= last; ) {
    let size = 1;
    while (start % (size * 2) === 0 && start + size * 2 - 1 <= last) size *= 2;
    blocks.push(size === 1 ? String(start) : `0x${start.toString(16)}/0x${(0x10000 - size).toString(16)}`);
    start += size;
  }
  return blocks;
}
