// Records of another key that somebody wrote by hand: both verifiers say the same of each.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verifyEvidence } from '../../../../src/core/ledger/checkpoint/verify-evidence.ts';
import { checkpointText } from '../../../../src/core/ledger/note/checkpoint.ts';
import { newSigner, type Signer, verifierText } from '../../../../src/core/ledger/note/keys.ts';
import { signNote } from '../../../../src/core/ledger/note/signed-note.ts';
import { runningRoot } from '../../../../src/core/ledger/tree/running-root.ts';
import type { Json } from '../../../../src/core/lib/json.ts';
import { entry, open, scratch, splitLines } from './scratch.ts';

const ORIGIN = 'pve1/ledger';
const OTHER = 'pve2/ledger';
const [a, b, c] = [newSigner(ORIGIN), newSigner(ORIGIN), newSigner(ORIGIN)];
const strange = newSigner(OTHER);
const text = ({ verifier }: Signer) => verifierText(verifier);

type Step =
  | { action: string; data: Json }
  /** A checkpoint of what there is. */
  | { signers: readonly Signer[]; origin: string }
  | 'block';

const begun: Step = {
  action: 'ledger_epoch_begun',
  data: {
    ...{ epoch: 1, origin: ORIGIN, key: text(a), why: 'first', parent: null, blocks: 0, common: 0 },
  },
};
const rotated = (former: Signer, key: Signer, origin = ORIGIN): Step => ({
  action: 'ledger_key_rotated',
  data: { origin, former: text(former), key: text(key) },
});
const signed = (...signers: Signer[]): Step => ({ signers, origin: ORIGIN });

/** Builds the ledger, and asks both. */
async function verdicts(steps: readonly Step[], twice = false): Promise<[string, string]> {
  using place = scratch();
  const ledger = await open(place.path);
  const notes: { size: number; signers: readonly Signer[]; origin: string }[] = [];
  for (const step of steps) {
    if (step === 'block') await ledger.append(entry(1));
    else if ('action' in step) await ledger.append({ category: 'filesystem', ...step });
    else notes.push({ ...step, size: ledger.head().height });
  }
  await ledger.close();
  const lines = splitLines(readFileSync(place.path));
  const tree = runningRoot();
  const roots = [tree.root()];
  for (const line of lines) {
    tree.add(line, 9, line.length - 76);
    roots.push(tree.root());
  }
  if (twice) writeFileSync(place.path, Buffer.concat([...lines, lines.at(-1) ?? Buffer.alloc(0)]));
  mkdirSync(join(place.dir, 'ledger.d'), { recursive: true });
  const kept = notes.map(({ size, origin, signers }) => {
    const note = signNote(checkpointText({ origin, size, root: roots[size] ?? Buffer.alloc(32) }), signers);
    return `${JSON.stringify({ at: '2026-11-30T10:00:00.000Z', note })}\n`;
  });
  writeFileSync(join(place.dir, 'ledger.d/checkpoints.jsonl'), kept.join(''));
  const { verdict } = await verifyEvidence(place.path, { now: Date.now });
  return [verdict, secondVerdict(place.path)];
}

function secondVerdict(path: string): string {
  const script = join(import.meta.dirname, '../../../../packaging/deb/verify.py');
  try {
    return execFileSync('python3', [script, path], { encoding: 'utf8' }).split(':')[0] ?? '';
  } catch (error) {
    return (error as { stdout: string }).stdout.split(':')[0] ?? '';
  }
}

const bad = 'bad-signature';

describe('a record of another key', () => {
  it.each<[string, string, Step[]]>([
    ['that both have signed', 'ok', [begun, signed(a), rotated(a, b), signed(b, a), 'block', signed(b)]],
    [
      'that a second follows before the first has signed',
      'ok',
      [begun, signed(a), rotated(a, b), rotated(b, c), signed(c, a)],
    ],
    ['that a crash had written twice', 'ok', [begun, signed(a), rotated(a, b), rotated(a, b), signed(b, a)]],
    ['that the old one alone has signed', bad, [begun, signed(a), rotated(a, b), signed(a)]],
    ['that the new one alone has signed', bad, [begun, signed(a), rotated(a, b), signed(b)]],
    ['that a stranger has signed beside the new one', bad, [begun, signed(a), rotated(a, b), signed(b, c)]],
    [
      'after which the old one signs again',
      bad,
      [begun, signed(a), rotated(a, b), signed(b, a), 'block', signed(a)],
    ],
    [
      'before which the new one signs',
      bad,
      [begun, signed(a), 'block', signed(b), rotated(a, b), signed(b, a)],
    ],
    [
      'whose own block the old one signs later, without the new one',
      bad,
      [begun, signed(a), rotated(a, b), 'block', signed(a)],
    ],
    [
      'after which a key signs that took no part',
      bad,
      [begun, signed(a), rotated(a, b), signed(b, a), 'block', signed(c)],
    ],
    [
      'after another, by a key that never signed',
      bad,
      [begun, signed(a), rotated(a, b), rotated(b, c), signed(c, b)],
    ],
    [
      'of another log, under whose name it signs',
      bad,
      [begun, signed(a), rotated(strange, strange, OTHER), { signers: [strange], origin: OTHER }],
    ],
    [
      'of another log, and the log goes on',
      'gap',
      [begun, signed(a), rotated(strange, strange, OTHER), signed(a)],
    ],
    [
      'of another log with its checkpoint, and ours under it',
      bad,
      [begun, signed(a), rotated(strange, strange, OTHER), { signers: [strange], origin: OTHER }, signed(a)],
    ],
    [
      'that gives the ledger another name',
      bad,
      [begun, signed(a), rotated(a, strange, OTHER), { signers: [strange, a], origin: OTHER }],
    ],
    [
      'that gives back to a key that was followed',
      bad,
      [begun, signed(a), rotated(a, b), signed(b, a), rotated(b, a), signed(a, b)],
    ],
    [
      'that gives back over two',
      bad,
      [
        begun,
        signed(a),
        rotated(a, b),
        signed(b, a),
        rotated(b, c),
        signed(c, b),
        rotated(c, b),
        signed(b, c),
      ],
    ],
    [
      'that gives back to a key that never signed',
      bad,
      [begun, signed(a), rotated(a, b), rotated(b, a), signed(a)],
    ],
    [
      'with a key that is none',
      bad,
      [
        begun,
        signed(a),
        { action: 'ledger_key_rotated', data: { origin: ORIGIN, former: text(a), key: 'none' } },
        signed(b, a),
      ],
    ],
  ])('%s: %s', async (_, verdict, steps) => {
    expect(await verdicts(steps)).toEqual([verdict, verdict]);
  });

  const forged = (data: Json, action = 'ledger_key_rotated'): Step => ({ action, data });
  const followed = { origin: ORIGIN, former: text(a), key: text(b) };
  it.each<[string, string, Step[]]>([
    [
      'that says of itself that it needs no other',
      bad,
      [begun, signed(a), forged({ ...followed, why: 'first' }), signed(b)],
    ],
    [
      'with a field that nobody knows',
      'ok',
      [begun, signed(a), forged({ ...followed, more: 1 }), signed(b, a), 'block', signed(b)],
    ],
    [
      'that wants to end an epoch',
      bad,
      [begun, 'block', 'block', signed(a), forged({ ...followed, common: 1 }), signed(b)],
    ],
    ['without an origin', 'gap', [begun, signed(a), forged({ key: text(b) }), signed(b, a)]],
    ['without a key', bad, [begun, signed(a), forged({ origin: ORIGIN }), signed(b, a)]],
    ['that is no record at all', 'ok', [begun, signed(a), forged(['key']), signed(a)]],
    [
      'with the key of another name',
      bad,
      [begun, signed(a), forged({ ...followed, key: text(strange) }), signed(b, a)],
    ],
    [
      'of an epoch, without a reason, by the new key alone',
      bad,
      [
        begun,
        signed(a),
        forged({ origin: ORIGIN, key: text(b), common: 2 }, 'ledger_epoch_begun'),
        signed(b),
      ],
    ],
    [
      'of an epoch, for a reason that nobody knows',
      'ok',
      [
        begun,
        signed(a),
        forged({ origin: ORIGIN, key: text(b), why: 'so', common: 2 }, 'ledger_epoch_begun'),
        signed(b),
      ],
    ],
    [
      'of an epoch, that had come nobody knows how far',
      bad,
      [
        begun,
        signed(a),
        forged({ origin: ORIGIN, key: text(b), common: 'far' }, 'ledger_epoch_begun'),
        signed(b),
      ],
    ],
    ['that is the first of all', 'ok', [forged({ ...followed }), signed(b)]],
  ])('%s: %s', async (_, verdict, steps) => {
    expect(await verdicts(steps)).toEqual([verdict, verdict]);
  });

  it('of which there are two at one height: broken', async () => {
    expect(await verdicts([begun, signed(a), rotated(a, b)], true)).toEqual(['broken', 'broken']);
  });
});
