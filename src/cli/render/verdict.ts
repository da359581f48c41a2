// What a verification found, in words; pure.

import type { FirstBad, VerifyResult } from '../../core/ledger/index.ts';
import { printable } from '../printable.ts';
import { count, size } from './quantity.ts';

const MEANING: Readonly<Record<FirstBad['reason'], string>> = {
  'too-long': 'the line is longer than any block can be',
  frame: 'the line is not of the form of a block',
  hash: 'the block was changed after it was written: its bytes do not give the hash that stands beside it',
  'prev-hash': 'the block does not follow the one before it: a block was changed, removed or put in',
  height: 'the block has not the next height',
  'not-canonical': 'the line is not written in the one canonical form',
  schema: 'the block has not the fields that a block has',
  torn: 'the last line has no end',
  'known-head': 'the ledger does not hold the block that is known of it: blocks were cut off or replaced',
};

/** The same for programs, with names as in everything else that they are given of the ledger. */
export function verdictJson(path: string, { firstBad, ...result }: VerifyResult): object {
  return { path, ...result, ...(firstBad && { first_bad: firstBad }) };
}

/** The first line is the verdict. A torn tail counts as fine: nothing that was promised is missing. */
export function verdictLines(path: string, result: VerifyResult): string[] {
  const { verdict, blocks, bytes, head, firstBad } = result;
  const good = `${count(blocks, 'block')}, ${size(bytes)}, head #${head.height} ${head.hash}`;
  if (verdict === 'ok' || firstBad === undefined) return [printable(`OK: ${path}: ${good}`)];
  if (verdict === 'torn-tail') {
    return [
      printable(`OK: ${path}: ${good}`),
      `After byte ${firstBad.offset} stands an unfinished line (${firstBad.actual}): a power cut or a write under way leaves one.`,
      'This is not tampering: the agent confirms no block before its line is complete on disk. It sets the rest aside when it starts.',
    ];
  }
  const { line, offset, height, reason, expected, actual } = firstBad;
  const place =
    reason === 'known-head' ? `height ${height}` : `line ${line}, byte ${offset}, height ${height}`;
  return [
    printable(`BROKEN: ${path}: ${place}: ${MEANING[reason]}`),
    printable(`  expected  ${expected}`),
    printable(`  actual    ${actual}`),
    `  before it ${good}`,
    'Keep the file as it is: it is evidence.',
  ];
}
