// What a ledger of the older program holds, in lines for people; pure.

import { type ImportedData, instant } from '../../core/ledger/imported/actions.ts';
import type { SeedFault } from '../../core/ledger/imported/examine.ts';
import type { SeedLine } from '../../core/ledger/imported/seed-line.ts';
import { printable } from '../printable.ts';
import { pad } from './table.ts';
import { localTime } from './time.ts';

const DATA_MAX = 160;

/** The verdict, and what does not hold. */
export function importLines(data: ImportedData): string[] {
  const { verdict, file, blocks, records, holds, first_bad: bad, faults, sha256 } = data;
  const total = blocks + records;
  const word = { ok: 'OK', 'torn-tail': 'TORN TAIL', broken: 'BROKEN' }[verdict];
  const forms = records === 0 ? '' : `, ${records} of them in the form without heights`;
  const lines = [`${word}: ${printable(file)}: ${total} lines of the older program${forms}, ${holds} hold`];
  if (data.first_timestamp && data.last_timestamp)
    lines.push(
      `  from ${localTime(data.first_timestamp)} to ${localTime(data.last_timestamp)}, last hash ${data.last_hash}`,
    );
  lines.push(`  SHA-256 ${sha256}`);
  if (bad !== null) {
    const { line, offset, reason, expected, actual } = bad;
    lines.push(
      `  first fault: line ${line}, byte ${offset}: ${reason}: expected ${printable(expected)}, found ${printable(actual)}`,
    );
    const counts = Object.entries(faults).map(([name, count]) => `${count} ${name}`);
    lines.push(`  faults: ${counts.join(', ')}`);
  }
  return lines;
}

/** `2025-10-11 13:41:20  #1  interface_created  system  {"bridge":"ovsbr0"}`; one that does not hold begins with `!`. */
export function seedLine(number: number, line: SeedLine | undefined, fault: SeedFault | undefined): string {
  const mark = fault === undefined ? ' ' : '!';
  const why = fault === undefined ? '' : `  <- ${fault.reason}`;
  if (line === undefined) return `${mark} line ${number}${why}`;
  const time = instant(line.timestamp);
  const data = printable(line.dataText);
  return [
    `${mark} ${time === null ? '-' : localTime(time)}`,
    pad(line.height === undefined ? '-' : `#${line.height}`, 6),
    pad(printable(line.action), 22),
    pad(printable(line.user ?? '-'), 6),
    (data.length > DATA_MAX ? `${data.slice(0, DATA_MAX)}…` : data) + why,
  ].join('  ');
}
