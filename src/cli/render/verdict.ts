// What a verification found, in words; pure.

import type { Fault, Verdict } from '../../core/ledger/checkpoint/judge.ts';
import type { EvidenceResult } from '../../core/ledger/checkpoint/verify-evidence.ts';
import { printable } from '../printable.ts';
import type { ExitCode } from '../terminal.ts';
import { count, size } from './quantity.ts';

export const EXIT_CODES: Readonly<Record<Verdict, ExitCode>> = {
  ok: 0,
  unanchored: 10,
  'torn-tail': 11,
  broken: 20,
  'bad-signature': 21,
  diverged: 22,
  gap: 23,
};

const MEANING: Readonly<Record<Fault['reason'], string>> = {
  'too-long': 'the line is longer than any block can be',
  frame: 'the line is not of the form of a block',
  hash: 'the block was changed after it was written: its bytes do not give the hash that stands beside it',
  'prev-hash': 'the block does not follow the one before it: a block was changed, removed or put in',
  height: 'the block has not the next height',
  'not-canonical': 'the line is not written in the one canonical form',
  schema: 'the block has not the fields that a block has',
  missing: 'a segment of the ledger is not there, and no block says that it was dropped',
  packed: 'a packed segment cannot be unpacked as it was packed',
  torn: 'the last line has no end',
  'known-head': 'the ledger does not hold the block that is known of it: blocks were cut off or replaced',
  signature: 'a checkpoint is not signed by the key of its time',
  root: 'the blocks are not those that were signed: they were written anew',
  cut: 'blocks were cut off the end: more were known',
  lost: 'blocks that were signed are gone, and the ledger itself says so: it was restored from an older state',
  silence: 'the ledger was silent, or blocks of that time are gone: a heartbeat is missing',
  stale: 'nothing was signed for too long',
  checkpoint: 'nothing says how long the ledger must be',
  policy: 'not everybody has cosigned whom the policy asks for',
};

const EVIDENCE = 'Keep the files as they are: they are evidence.';

/** The same for programs, with names as in everything else that they are given of the ledger. */
export function verdictJson(path: string, result: EvidenceResult): object {
  const { verdict, fault, chain, newest, witnesses, checkpoints, unreadable } = result;
  const { blocks, bytes, head, start } = chain;
  return {
    ...{ path, verdict, blocks, bytes, head },
    ...(start && { start }),
    ...(fault && { first_bad: fault }),
    checkpoints,
    unreadable_checkpoints: unreadable,
    newest_checkpoint: newest
      ? { ...newest.checkpoint, root: newest.checkpoint.root.toString('hex'), at: newest.at }
      : null,
    witnesses: witnesses.map(({ name, at }) => ({ name, at: new Date(at * 1000).toISOString() })),
  };
}

/** The first line is the verdict. A torn tail counts as fine: nothing that was promised is missing. */
export function verdictLines(path: string, result: EvidenceResult): string[] {
  const { verdict, fault, chain } = result;
  const { blocks, bytes, head, start } = chain;
  const from = start ? ` from #${start.height + 1} on (the ones before have no body any more)` : '';
  const good = `${count(blocks, 'block')}${from}, ${size(bytes)}, head #${head.height} ${head.hash}`;
  const lines =
    verdict === 'ok' || fault === undefined
      ? [`OK: ${path}: ${good}`]
      : verdict === 'torn-tail' || verdict === 'unanchored'
        ? [`OK: ${path}: ${good}`, ...reservation(fault)]
        : accusation(path, verdict, fault, good);
  return [...lines, ...signedLines(result)].map((line) => printable(line));
}

function reservation({ reason, offset, actual }: Fault): string[] {
  if (reason !== 'torn') return [`UNANCHORED: ${MEANING[reason]}: ${actual}`];
  return [
    `After byte ${offset} stands an unfinished line (${actual}): a power cut or a write under way leaves one.`,
    'This is not tampering: the agent confirms no block before its line is complete on disk. It sets the rest aside when it starts.',
  ];
}

function accusation(path: string, verdict: Verdict, fault: Fault, good: string): string[] {
  const { height, file, line, offset, reason, expected, actual } = fault;
  const inFile = `${file === undefined ? '' : `${file}, `}line ${line ?? height}, byte ${offset}, height ${height}`;
  const place = offset === undefined ? `height ${height}` : inFile;
  return [
    `${verdict.toUpperCase()}: ${path}: ${place}: ${MEANING[reason]}`,
    `  expected  ${expected}`,
    `  actual    ${actual}`,
    `  ${verdict === 'broken' ? 'before it' : 'chain'} ${good}`,
    EVIDENCE,
  ];
}

function signedLines({ newest, checkpoints, unreadable, chain, witnesses }: EvidenceResult): string[] {
  const lines: string[] = [];
  if (newest) {
    const { size: covered, origin } = newest.checkpoint;
    const rest = chain.head.height - covered;
    const behind = rest > 0 ? `; ${count(rest, 'block')} behind it` : '';
    lines.push(
      `${count(checkpoints, 'checkpoint')}, the newest of ${covered} blocks at ${newest.at}${behind}`,
    );
    lines.push(`  as ${origin}`);
  }
  for (const { name, at } of witnesses)
    lines.push(`  seen by ${name} at ${new Date(at * 1000).toISOString()}`);
  if (unreadable > 0)
    lines.push(`${count(unreadable, 'line')} of the checkpoints cannot be read, and were passed over.`);
  return lines;
}
