// Who has seen this ledger, and whose ledgers this host has seen, as text and as data; pure.

import type { SignedHead } from '../../core/ledger/checkpoint/signed-head.ts';
import type { WitnessFault } from '../../diagnose/witness-faults.ts';
import type { WitnessState } from '../../witness/client/witness-state.ts';
import type { SeenHead } from '../../witness/seen-heads.ts';
import { printable } from '../printable.ts';
import { fitted } from './table.ts';

export interface WitnessReport {
  /** What this ledger's newest checkpoint is about. */
  signed: SignedHead | undefined;
  states: readonly WitnessState[];
  faults: readonly WitnessFault[];
  /** What this host's own witness has cosigned. */
  seen: readonly SeenHead[];
}

export function witnessLines(report: WitnessReport, now: Date, width: number | undefined): string[] {
  const { signed, states, faults, seen } = report;
  const own = signed
    ? `This ledger, ${signed.origin}, is signed to height ${signed.size}.`
    : 'This ledger has no checkpoint yet.';
  const rows = states.map(({ name, url, size, cosigned_at: at, origin, problem }) => [
    name,
    url ?? 'cluster',
    size === null ? '-' : `${size}${signed && origin !== signed.origin ? ' (before)' : ''}`,
    at === null ? 'never' : ageText(at, now),
    problem === null ? '-' : problem.text,
  ]);
  const others = seen.map(({ origin, size, at }) => [origin, `${size}`, ageText(at, now)]);
  return [
    printable(own),
    ...(rows.length === 0
      ? ['Nobody is shown it: see [[ledger.witnesses]] in the configuration.']
      : fitted([['WITNESS', 'WHERE', 'SEEN', 'AGE', 'PROBLEM'], ...rows], width, [
          true,
          true,
          false,
          false,
          true,
        ])),
    ...(others.length === 0
      ? []
      : [
          '',
          'This host has cosigned:',
          ...fitted([['LEDGER', 'SEEN', 'AGE'], ...others], width, [true, false, false]),
        ]),
    ...faults.flatMap(({ text, remedy, degraded }) => [
      printable(`${degraded ? 'Note' : 'Wrong'}: ${text}`),
      printable(`  ${remedy}`),
    ]),
  ];
}

export function witnessJson({ signed, states, faults, seen }: WitnessReport) {
  return {
    ledger: signed ? { origin: signed.origin, size: signed.size, at: signed.at } : null,
    witnesses: states,
    seen: seen.map(({ origin, size, root, at }) => ({ origin, size, root: root.toString('hex'), at })),
    health: faults,
  };
}

/** How old it is, in the unit that a person would choose. */
function ageText(instant: string, now: Date): string {
  const seconds = Math.round((now.getTime() - Date.parse(instant)) / 1000);
  // The clock was set back since then.
  if (seconds < -60) return 'ahead';
  if (seconds < 120) return `${Math.max(0, seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}
