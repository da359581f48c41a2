// Rules such as `51821/udp` as nft has them; pure.

import type { ServiceRule } from '../../core/plan/port-security.ts';

type Ports = number | { range: [number, number] };
const portsOf = (low: number, high: number): Ports => (low === high ? low : { range: [low, high] });

/** `51821/udp` and `51821-51830/tcp`; undefined for the rules without ports. */
export function parsePorts(rule: ServiceRule): { protocol: 'tcp' | 'udp'; ports: Ports } | undefined {
  const [, from, to, protocol] = /^(\d{1,5})(?:-(\d{1,5}))?\/(tcp|udp)$/.exec(rule) ?? [];
  if (from === undefined || protocol === undefined) return undefined;
  return { protocol: protocol as 'tcp' | 'udp', ports: portsOf(Number(from), Number(to ?? from)) };
}

/** As few ranges as say the same: nft refuses elements that overlap. */
export function mergedPorts(rules: readonly ServiceRule[]): ['tcp' | 'udp', Ports][] {
  const parsed = rules.map(parsePorts).filter((one) => one !== undefined);
  return (['tcp', 'udp'] as const).flatMap((protocol) => {
    const ranges = parsed
      .filter((one) => one.protocol === protocol)
      .map(({ ports }): [number, number] => (typeof ports === 'number' ? [ports, ports] : [...ports.range]))
      .sort((a, b) => a[0] - b[0]);
    const merged: [number, number][] = [];
    for (const [low, high] of ranges) {
      const last = merged.at(-1);
      if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
      else merged.push([low, high]);
    }
    return merged.map(([low, high]): ['tcp' | 'udp', Ports] => [protocol, portsOf(low, high)]);
  });
}
