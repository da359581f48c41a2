// Our rules in DOCKER-USER, the chain that Docker leaves to administrators, as arguments of iptables.

import type { Piece } from './pieces.ts';

export const iptables = (family: 4 | 6) => (family === 4 ? 'iptables' : 'ip6tables');

/** What the rule matches and does; the comment says whose it is. */
export function exceptionArguments({
  direction,
  device,
  subnet,
}: Pick<Extract<Piece, { kind: 'exception' }>, 'direction' | 'device' | 'subnet'>): string[] {
  const match = direction === 'from' ? ['-i', device, '-s', subnet] : ['-o', device, '-d', subnet];
  return [...match, '-m', 'comment', '--comment', 'ovs-port-agent', '-j', 'ACCEPT'];
}
