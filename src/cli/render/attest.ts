// How containers are seen from outside; pure.

import type { AttestationRow } from '../../api/answers/netmaker.ts';
import { printable } from '../printable.ts';
import { cells as cellsOf, fitted, spared, table } from './table.ts';

const VERDICTS = {
  public: 'public',
  unproven: 'UNPROVEN',
  behind_nat: 'BEHIND NAT',
  unreachable: 'UNREACHABLE',
  'no-address': 'NO ADDRESS',
} as const;

/** Sorted by name. */
export function attestationTable(rows: readonly AttestationRow[], width?: number): string[] {
  if (rows.length === 0) return ['No Netmaker container runs here.'];
  const sorted = [...rows].sort((a, b) =>
    a.container < b.container ? -1 : a.container > b.container ? 1 : 0,
  );
  const head = ['CONTAINER', 'ADDRESS', 'VERDICT', 'SEEN AS', 'BY SERVER', 'WITHIN', 'REASON'];
  const cells = sorted.map(({ container, addresses, verdict, mapped, server, rtt_ms, reason }) => [
    container,
    addresses.join(', ') || '-',
    VERDICTS[verdict],
    mapped ?? '-',
    server ?? '-',
    rtt_ms === null ? '-' : `${rtt_ms.toFixed(rtt_ms < 10 ? 1 : 0)} ms`,
    reason,
  ]);
  const whole = table([head, ...cells]);
  if (width === undefined || whole.every((line) => cellsOf(line) <= width)) return whole;
  // The reason is what people look for: below the table it is whole.
  const { rows: kept } = spared(
    [head, ...cells].map((row) => row.slice(0, -1)),
    width,
    ['WITHIN', 'BY SERVER'],
  );
  const shrinks = (kept[0] ?? []).map((title) =>
    ['CONTAINER', 'ADDRESS', 'SEEN AS', 'BY SERVER'].includes(title),
  );
  return [
    ...fitted(kept, width, shrinks),
    ...sorted.map(({ container, reason }) => printable(`${container}: ${reason}`)),
  ];
}

/** 1 when some container is not public. */
export function attestationExitCode(rows: readonly AttestationRow[]): 0 | 1 {
  return rows.some(({ verdict }) => verdict !== 'public') ? 1 : 0;
}
