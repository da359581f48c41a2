// The table of leased addresses; pure.

import type { LeaseLine } from '../../api/answers/netmaker.ts';
import { cells, fitted } from './table.ts';
import { sameTimes, untilText } from './time.ts';

/** In the order they come. BY says whether the address was asked for by label. */
export function leaseLines(leases: readonly LeaseLine[], now: Date, width?: number): string[] {
  if (leases.length === 0) return ['No leases. A container gets an address when it starts.'];
  const time = sameTimes(
    leases.map(({ since }) => since),
    now,
  );
  const rows = leases.map((lease) => [
    lease.address,
    lease.name,
    holderText(lease.key),
    lease.static ? 'label' : 'pool',
    stateText(lease, now),
    time(lease.since),
  ]);
  const head = ['ADDRESS', 'NAME', 'CONTAINER', 'BY', 'STATE', 'SINCE'];
  const shrinks = [false, true, true, false, true, false];
  const lines = fitted([head, ...rows], width, shrinks);
  if (width === undefined || lines.every((line) => cells(line) <= width)) return lines;
  const without = (row: readonly string[]) => row.filter((_, column) => column !== head.indexOf('BY'));
  return [
    ...fitted([head, ...rows].map(without), width, [false, true, true, true, false]),
    'No room here for BY; --json has all.',
  ];
}

/** As `docker ps` shows them; a group by what it is. */
function holderText(key: string): string {
  return /^[0-9a-f]{64}$/.test(key) ? key.slice(0, 12) : key;
}

function stateText({ state, until }: LeaseLine, now: Date): string {
  return until === null ? state : `${state}, free ${untilText(until, now)}`;
}
