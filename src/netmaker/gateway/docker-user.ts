// Our rules in DOCKER-USER, the chain that Docker leaves to administrators, as arguments of iptables.

import type { HostResource } from './host-resources.ts';

export const iptables = (family: 4 | 6) => (family === 4 ? 'iptables' : 'ip6tables');

type DockerUserRule = Extract<HostResource, { kind: 'exception' }>;

/**
 * What may pass between the containers of a pool and the outside, whatever Docker's own rules say. Only that: towards
 * Docker's networks its isolation of them from others has to go on.
 */
export function dockerUserRulesFor(
  family: 4 | 6,
  subnet: string,
  bridge: string,
  uplink: string | undefined,
): DockerUserRule[] {
  const base = { kind: 'exception', family, device: bridge, subnet } as const;
  const outside = uplink === undefined ? [] : (['from', 'to'] as const);
  return [
    ...outside.map((direction): DockerUserRule => ({ ...base, direction, other: uplink ?? '' })),
    { ...base, direction: 'among', other: bridge },
  ];
}

/** What the rule matches and does; the comment says whose it is. */
export function dockerUserArguments({ direction, device, other, subnet }: DockerUserRule): string[] {
  const match =
    direction === 'to'
      ? ['-i', other, '-o', device, '-d', subnet]
      : ['-i', device, '-o', other, '-s', subnet];
  return [...match, '-m', 'comment', '--comment', 'ovs-port-agent', '-j', 'ACCEPT'];
}

/**
 * Arguments of a rule in which each option has one value, in one order: `iptables -S` has its own. Equal texts are equal
 * rules; what is written otherwise (`! -s`, `--syn`) is equal to itself alone.
 */
export function sameRule(words: readonly string[]): string {
  const options: string[] = [];
  for (let at = 0; at < words.length; at += 2) options.push(`${words[at]} ${words[at + 1]}`);
  return options.sort().join('\n');
}
