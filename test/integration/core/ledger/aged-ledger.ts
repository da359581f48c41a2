// A ledger whose checkpoints lie half a year back and nearer, for the tests of thinning.

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readCheckpoints } from '../../../../src/core/ledger/checkpoint/checkpoint-file.ts';
import { openCheckpoints } from '../../../../src/core/ledger/checkpoint/checkpoints.ts';
import { cosign } from '../../../../src/core/ledger/note/cosignature.ts';
import { newSigner, readSigner, type Signer } from '../../../../src/core/ledger/note/keys.ts';
import { entry, open, type Scratch, scratch } from './scratch.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Of the last checkpoint. */
export const END = Date.parse('2026-11-30T12:34:56.000Z');
export const witness = newSigner('witness.example');

export const side = ({ dir }: Scratch, name: string) => join(dir, 'ledger.d', name);
export const file = (place: Scratch) => side(place, 'checkpoints.jsonl');

export async function run(place: Scratch, more: object = {}) {
  const ledger = await open(place.path);
  const checkpoints = openCheckpoints({
    ...{ ledger, path: place.path, hostname: 'pve1', machineId: 'a'.repeat(32), origin: 'ledger.example' },
    ...{ everySeconds: 3600, heartbeatSeconds: 3600, now: () => END, mono: () => 1 },
    onError: (error: unknown) => expect(error).toBeUndefined(),
    onEpoch: () => undefined,
    ...more,
  });
  await checkpoints.started;
  return { ledger, checkpoints };
}

const BLOCKS = 200;

export const lineOf = (at: number, note: string) =>
  `${JSON.stringify({ at: new Date(at).toISOString(), note })}\n`;
export const cosigned = (note: string) =>
  note + cosign(note.slice(0, note.indexOf('\n\n') + 1), witness, 1_700_000_000);

/** The newest thirty in one day and a half; before them one each ten minutes; the oldest sixty one each four hours, half a year ago. */
function atOf(size: number, last: number): number {
  const back = last - size;
  if (back < 30) return END - back * HOUR;
  if (size > 60) return END - 3 * DAY - back * 10 * MINUTE;
  return END - 180 * DAY - back * 4 * HOUR;
}

/** Two hundred blocks, each with a checkpoint of its own; another key after a hundred, and a witness that has seen every seventh. */
export async function agedLedger(): Promise<{ original: Scratch; former: Signer; key: Signer }> {
  const original = scratch();
  const { ledger, checkpoints } = await run(original);
  const former = readSigner(readFileSync(side(original, 'key'), 'utf8'));
  for (let n = 1; n <= BLOCKS; n++) {
    await ledger.append(entry(n));
    await (n === BLOCKS / 2 ? checkpoints.rotateKey() : checkpoints.sign());
  }
  await checkpoints.close();
  await ledger.close();
  const key = readSigner(readFileSync(side(original, 'key'), 'utf8'));
  const { all } = await readCheckpoints(file(original));
  const last = all.at(-1)?.checkpoint.size ?? 0;
  const lines = all.map(({ checkpoint: { size }, text }, index) => {
    const at = atOf(size, last);
    return lineOf(at, text) + (index % 7 === 0 ? lineOf(at + 1000, cosigned(text)) : '');
  });
  writeFileSync(file(original), lines.join(''));
  return { original, former, key };
}
export function copyOf(from: Scratch): Scratch {
  const place = scratch();
  cpSync(from.path, place.path);
  for (const name of ['checkpoints.jsonl', 'tree', 'keys.jsonl', 'signed.json', 'key', 'epoch.json'])
    cpSync(side(from, name), side(place, name));
  return place;
}
