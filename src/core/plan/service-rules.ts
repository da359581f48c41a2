// Rules about services, such as `51821-51830/udp`: read in one way wherever they are written.

import { quoted } from '../../core/lib/quoted.ts';

/** `icmp` stands for ICMP and ICMPv6. Ports are inclusive; a single port is `first` and `last`. */
export type ParsedServiceRule =
  | { readonly kind: 'all' }
  | { readonly kind: 'icmp' }
  | {
      readonly kind: 'ports';
      readonly protocol: 'tcp' | 'udp';
      readonly first: number;
      readonly last: number;
    };

const PORT_MAX = 65_535;

/** `all`, `icmp`, `PORT/udp` or `FIRST-LAST/tcp`, ports 1 to 65535, all in lower case; undefined for everything else. */
export function parseServiceRule(text: string): ParsedServiceRule | undefined {
  if (text === 'all' || text === 'icmp') return { kind: text };
  const [, firstText = '', lastText = firstText, protocol] =
    /^([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?\/(tcp|udp)$/.exec(text) ?? [];
  const first = Number(firstText);
  const last = Number(lastText);
  if ((protocol !== 'tcp' && protocol !== 'udp') || first > last || last > PORT_MAX) return undefined;
  return { kind: 'ports', protocol, first, last };
}

/** What is wrong with a rule, or undefined. */
export function serviceRuleProblem(text: string): string | undefined {
  if (parseServiceRule(text) !== undefined) return undefined;
  const shown = quoted(text, 40);
  return `must be "all", "icmp", PORT/udp or FIRST-LAST/tcp with ports from 1 to ${PORT_MAX}, not ${shown}`;
}
