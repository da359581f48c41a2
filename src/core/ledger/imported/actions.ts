// What the ledger says of a ledger of the older program that was taken over.

import { z } from 'zod';
import { actionsOf, type LedgerProducer } from '../producer.ts';
import { type Examined, SEED_REASONS } from './examine.ts';

const text = z.string();
const count = z.number();

export const importedShape = {
  file: text.describe('where it lay'),
  path: text.describe('where it is kept, beside the ledger'),
  sha256: text.describe('SHA-256 of its bytes'),
  bytes: count.describe('its size, in bytes'),
  epoch: z.literal(0).describe('it comes before the first [epoch](ledger.md) of this ledger'),
  blocks: count.describe('its lines with a height: the newer form'),
  records: count.describe('its lines without one: the older form'),
  holds: count.describe('how many of these have the right hash and follow the one before'),
  verdict: z
    .enum(['ok', 'torn-tail', 'broken'])
    .describe('`ok`: all lines hold; `torn-tail`: all but an unfinished last one'),
  faults: z.partialRecord(z.enum(SEED_REASONS), count).describe('how many lines have each fault'),
  first_bad: z
    .strictObject({
      line: count.describe('its number, from 1'),
      offset: count.describe('where it begins, in bytes'),
      reason: z.enum(SEED_REASONS).describe('what does not hold'),
      expected: text.describe('what should stand there'),
      actual: text.describe('what stands there'),
    })
    .nullable()
    .describe('the first line that does not hold'),
  first_hash: text.describe('hash of the first line'),
  last_hash: text.describe('hash of the last line'),
  first_timestamp: text.nullable().describe('time of the first line, RFC 3339'),
  last_timestamp: text.nullable().describe('time of the last line, RFC 3339'),
};

export const LEDGER_IMPORT = {
  name: 'import',
  categories: ['filesystem'],
  actions: actionsOf('filesystem', { ledger_imported: z.strictObject(importedShape) }),
} satisfies LedgerProducer;

export type ImportedData = z.input<(typeof LEDGER_IMPORT)['actions']['ledger_imported']['data']>;

/** @param verdict of a file that has lines of the older program */
export function importedData(
  { first, last, firstBad, faults, ...rest }: Examined,
  verdict: ImportedData['verdict'],
  where: Pick<ImportedData, 'file' | 'path'>,
): ImportedData {
  const { bytes, sha256, blocks, records, holds } = rest;
  return {
    ...where,
    ...{ sha256, bytes, epoch: 0, blocks, records, holds, verdict, faults },
    first_bad: firstBad ?? null,
    first_hash: first?.hash ?? '',
    last_hash: last?.hash ?? '',
    first_timestamp: instant(first?.timestamp),
    last_timestamp: instant(last?.timestamp),
  };
}

/** Null for seconds that no clock shows. */
export function instant(seconds: bigint | undefined): string | null {
  const date = new Date(Number(seconds) * 1000);
  return seconds === undefined || Number.isNaN(date.getTime()) ? null : date.toISOString();
}
