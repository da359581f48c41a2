// How containers are seen from outside; pure.

import { z } from 'zod';
import { table } from './table.ts';

/** What `AttestNetmaker` answers: one element for each container and address family. */
export const attestationsSchema = z.array(
  z.looseObject({
    container: z.string(),
    addresses: z.array(z.string()),
    verdict: z.enum(['public', 'unproven', 'behind_nat', 'unreachable', 'no-address']),
    mapped: z.string().nullable(),
    local: z.string().nullable(),
    server: z.string().nullable(),
    reason: z.string(),
    rtt_ms: z.number().nullable(),
  }),
);

export type AttestationRow = z.infer<typeof attestationsSchema>[number];

const VERDICTS = {
  public: 'public',
  unproven: 'UNPROVEN',
  behind_nat: 'BEHIND NAT',
  unreachable: 'UNREACHABLE',
  'no-address': 'NO ADDRESS',
} as const;

/** Sorted by name. */
export function attestationTable(rows: readonly AttestationRow[]): string[] {
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
  return table([head, ...cells]);
}

/** 1 when some container is not public. */
export function attestationExitCode(rows: readonly AttestationRow[]): 0 | 1 {
  return rows.some(({ verdict }) => verdict !== 'public') ? 1 : 0;
}
