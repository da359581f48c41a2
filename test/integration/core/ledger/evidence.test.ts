// Whatever is done to a ledger that was signed is found, with the verdict that says what was done.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonical } from '../../../../src/core/ledger/canonical.ts';
import { openCheckpoints } from '../../../../src/core/ledger/checkpoint/checkpoints.ts';
import type { Verdict } from '../../../../src/core/ledger/checkpoint/judge.ts';
import {
  type EvidenceOptions,
  verifyEvidence,
} from '../../../../src/core/ledger/checkpoint/verify-evidence.ts';
import { checkpointText, parseCheckpoint } from '../../../../src/core/ledger/note/checkpoint.ts';
import { cosign } from '../../../../src/core/ledger/note/cosignature.ts';
import {
  newSigner,
  readSigner,
  readVerifier,
  type Signer,
  verifierText,
} from '../../../../src/core/ledger/note/keys.ts';
import { parsePolicy } from '../../../../src/core/ledger/note/policy.ts';
import { parseNote, signNote } from '../../../../src/core/ledger/note/signed-note.ts';
import { sha256Hex } from '../../../../src/core/ledger/sha256.ts';
import { leafHash, nodeHash } from '../../../../src/core/ledger/tree/hash.ts';
import { entry, open, type Scratch, scratch, splitLines } from './scratch.ts';
import { signing } from './signing.ts';

/** A ledger of three checkpoints; the second is the first of another key. */
let original: Scratch;
let keys: { former: Signer; key: Signer };
let lines: Buffer[];
let notes: string[];
/** The public keys beside it. */
let named: string[];

beforeAll(async () => {
  original = scratch();
  const ledger = await open(original.path);
  const checkpoints = await signing(ledger, original.path);
  const former = readSigner(readFileSync(side(original, 'key'), 'utf8'));
  for (let n = 1; n <= 4; n++) await ledger.append(entry(n));
  await checkpoints.rotateKey();
  for (let n = 5; n <= 9; n++) await ledger.append(entry(n));
  await checkpoints.close();
  keys = { former, key: readSigner(readFileSync(side(original, 'key'), 'utf8')) };
  await ledger.append(entry(10));
  await ledger.close();
  lines = splitLines(readFileSync(original.path));
  notes = readFileSync(side(original, 'checkpoints.jsonl'), 'utf8').trim().split('\n');
  named = readFileSync(side(original, 'keys.jsonl'), 'utf8').trim().split('\n');
});
afterAll(() => original[Symbol.dispose]());

const side = (place: Scratch, name: string) => join(place.dir, 'ledger.d', name);

interface Damage {
  lines?: readonly Buffer[];
  notes?: readonly string[];
  named?: readonly string[];
  options?: Partial<EvidenceOptions>;
}

async function verdictOf({
  lines: changed = lines,
  notes: kept = notes,
  named: beside = named,
  options = {},
}: Damage): Promise<Verdict> {
  using place = scratch(Buffer.concat([...changed]));
  mkdirSync(side(place, ''), { recursive: true });
  writeFileSync(side(place, 'checkpoints.jsonl'), kept.map((line) => `${line}\n`).join(''));
  writeFileSync(side(place, 'keys.jsonl'), beside.map((line) => `${line}\n`).join(''));
  return (await verifyEvidence(place.path, { now: Date.now, ...options })).verdict;
}

/** The same blocks from `from` (index) on, linked and hashed anew as somebody does who has nothing but the file. */
function relinked(from: number, blocks: readonly Record<string, unknown>[]): Buffer[] {
  let hash = from === 0 ? '0'.repeat(64) : hashIn(lines[from - 1]);
  return blocks.map((block, index) => {
    const text = canonical({ ...block, height: from + index + 1, prev_hash: hash } as never);
    hash = sha256Hex(text);
    return Buffer.from(`{"block":${text},"hash":"${hash}"}\n`);
  });
}
const blockIn = (line: Buffer | undefined) => JSON.parse(String(line)).block as Record<string, unknown>;
const hashIn = (line: Buffer | undefined) => String(JSON.parse(String(line)).hash);
const noteIn = (line: string | undefined) => String(JSON.parse(String(line)).note);

function rootOf(changed: readonly Buffer[]): Buffer {
  const mth = (leaves: Buffer[]): Buffer => {
    if (leaves.length < 2) return leaves[0] ?? Buffer.alloc(0);
    const half = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
    return nodeHash(mth(leaves.slice(0, half)), mth(leaves.slice(half)));
  };
  return mth(changed.map((line) => leafHash(line.subarray(9, -76))));
}

const signed = (
  changed: readonly Buffer[],
  size: number,
  signers: readonly Signer[],
  origin = 'ledger.example',
) =>
  JSON.stringify({
    at: '2026-11-30T00:00:00.000Z',
    note: signNote(checkpointText({ origin, size, root: rootOf(changed.slice(0, size)) }), signers),
  });

describe('a ledger that nobody touched', () => {
  it('is ok, with a block behind its newest checkpoint', async () => {
    expect(await verdictOf({})).toBe('ok');
    expect(lines).toHaveLength(12);
    expect(notes).toHaveLength(3);
  });

  it('is unanchored without a checkpoint, and ok where its head is known', async () => {
    expect(await verdictOf({ notes: [] })).toBe('unanchored');
    const hash = hashIn(lines[11]);
    expect(await verdictOf({ notes: [], options: { known: [{ size: 12, hash, from: 'a note' }] } })).toBe(
      'ok',
    );
    const other = { size: 12, hash: 'ab'.repeat(32), from: 'a note' };
    expect(await verdictOf({ notes: [], options: { known: [other] } })).toBe('diverged');
  });
});

describe('of a ledger that was signed', () => {
  it('any byte flipped in any line is found', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(11),
        fc.nat(10_000),
        fc.integer({ min: 1, max: 255 }),
        async (index, any, mask) => {
          const changed = [...lines];
          const line = Buffer.from(changed[index] ?? '');
          const at = any % line.length;
          line[at] = (line[at] ?? 0) ^ mask;
          changed[index] = line;
          const verdict = await verdictOf({ lines: changed });
          // The last line end gone is what a power cut leaves.
          expect(verdict).toBe(index === 11 && at === line.length - 1 ? 'torn-tail' : 'broken');
        },
      ),
      { numRuns: 150 },
    );
  });

  it('a line dropped, doubled or swapped is found', async () => {
    for (let index = 0; index < 11; index++) {
      expect(await verdictOf({ lines: lines.toSpliced(index, 1) })).toBe('broken');
      expect(await verdictOf({ lines: lines.toSpliced(index, 0, lines[index] ?? Buffer.alloc(0)) })).toBe(
        'broken',
      );
      const [one, other] = [lines[index] ?? Buffer.alloc(0), lines[index + 1] ?? Buffer.alloc(0)];
      expect(await verdictOf({ lines: lines.toSpliced(index, 2, other, one) })).toBe('broken');
    }
  });

  it('any cut is found: what was signed as divergence, what was not as far as it shows', async () => {
    const whole = Buffer.concat(lines);
    const ends = lines.map((_, index) => Buffer.concat(lines.slice(0, index + 1)).length);
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.nat(whole.length - 1), fc.constantFrom(...ends)), async (at) => {
        const verdict = await verdictOf({ lines: [whole.subarray(0, at)] });
        const left = ends.filter((end) => end <= at).length;
        const isTorn = at !== 0 && !ends.includes(at);
        // 11 blocks were signed. That none is left that declares a key changes nothing: it stands beside the ledger.
        expect(verdict).toBe(left >= 11 ? (isTorn ? 'torn-tail' : 'ok') : 'diverged');
      }),
      { numRuns: 120 },
    );
  });

  it('what was cut together with the block that declares a key diverges where that key is known, and is unsigned where it is not', async () => {
    // Six blocks: the sixth declares the second key, the first declares the first.
    for (const left of [0, 1, 5, 6, 10]) {
      const cut = { lines: lines.slice(0, left) };
      expect(await verdictOf(cut)).toBe('diverged');
      expect(await verdictOf({ ...cut, named: [] })).toBe(left < 6 ? 'bad-signature' : 'diverged');
      expect(await verdictOf({ ...cut, named: ['', '{}', '{"key":"x+1+y","from":1}', ...named] })).toBe(
        'diverged',
      );
      // No signature of its own key holds: a byte of a note changed, or one of a stranger under the same name.
      const stranger = newSigner('ledger.example');
      const forged = signed(lines, 11, [stranger]);
      expect(await verdictOf({ ...cut, notes: [...notes.slice(0, 2), forged] })).toBe('bad-signature');
      expect(await verdictOf({ ...cut, notes: [forged] })).toBe('bad-signature');
      // The first key has ended when the second one has signed; where the last block that is left declares it, that is what counts.
      expect(await verdictOf({ ...cut, notes: [signed(lines, 11, [keys.former])] })).toBe(
        left === 1 || left === 5 ? 'diverged' : 'bad-signature',
      );
      // Who writes his own key beside it as well gains nothing: the blocks that he signed are not there.
      const planted = JSON.stringify({ key: verifierText(stranger.verifier), from: 1 });
      expect(await verdictOf({ ...cut, notes: [forged], named: [planted] })).toBe('diverged');
    }
  });

  it('a key that is only written beside it signs nothing of blocks that are there', async () => {
    const stranger = newSigner('ledger.example');
    const planted = JSON.stringify({ key: verifierText(stranger.verifier), from: 1 });
    for (const more of [[...named, planted], [planted, ...named], [planted]])
      for (const [index, size] of [1, 6, 11, 12].entries()) {
        const forged = notes.toSpliced(index, 1, signed(lines, size, [stranger]));
        expect(await verdictOf({ notes: forged, named: more })).toBe('bad-signature');
      }
  });

  it('a rewriting without the key is found, wherever it begins', async () => {
    for (let from = 1; from < 11; from++) {
      const blocks = lines.slice(from).map(blockIn);
      const changed = [{ ...blocks[0], user: 'nobody' }, ...blocks.slice(1)];
      const forged = [...lines.slice(0, from), ...relinked(from, changed)];
      expect(await verdictOf({ lines: forged })).toBe('diverged');
    }
  });

  it('a rewriting behind the newest checkpoint is what no checkpoint can show', async () => {
    const last = { ...blockIn(lines[11]), user: 'nobody' };
    const forged = [...lines.slice(0, 11), ...relinked(11, [last])];
    expect(await verdictOf({ lines: forged })).toBe('ok');
    // Whoever kept the head of that block elsewhere sees it.
    const known = [{ size: 12, hash: hashIn(lines[11]), from: 'a note' }];
    expect(await verdictOf({ lines: forged, options: { known } })).toBe('diverged');
  });
});

describe('the attacks that others fell to', () => {
  it('FSS: cut and continued, and all of it signed anew with the key of now', async () => {
    // The lines of the first key's time are written anew, and signed by the second.
    const blocks = lines.slice(2).map(blockIn);
    const forged = [
      ...lines.slice(0, 2),
      ...relinked(2, [{ ...blocks[0], user: 'nobody' }, ...blocks.slice(1)]),
    ];
    const resigned = [
      signed(forged, 1, [keys.key]),
      signed(forged, 6, [keys.key]),
      signed(forged, 11, [keys.key]),
    ];
    expect(await verdictOf({ lines: forged, notes: resigned })).toBe('bad-signature');
    // Only with the former key, too, would it hold.
    const both = [
      signed(forged, 1, [keys.former]),
      signed(forged, 6, [keys.key, keys.former]),
      signed(forged, 11, [keys.key]),
    ];
    expect(await verdictOf({ lines: forged, notes: both })).toBe('ok');
  });

  it('FSS: cut and continued while nothing happened shows by the heartbeats', async () => {
    using place = scratch();
    const ledger = await open(place.path);
    const beat = (n: number, mono: number) =>
      ledger.append({
        category: 'filesystem',
        action: 'ledger_heartbeat',
        data: { beat: n, every_s: 60, mono_s: mono, checkpoint: null },
      });
    await ledger.append({ category: 'lifecycle', action: 'agent_started', data: {} });
    for (const n of [1, 2, 3]) await beat(n, n * 60);
    const verify = async () => (await verifyEvidence(place.path, { now: Date.now })).verdict;
    expect(await verify()).toBe('unanchored');
    await beat(5, 300);
    expect(await verify()).toBe('gap');
    await ledger.close();
  });

  it('an old key signs a late entry', async () => {
    expect(await verdictOf({ notes: [...notes.slice(0, 2), signed(lines, 11, [keys.former])] })).toBe(
      'bad-signature',
    );
  });

  it('a key follows another without its signature', async () => {
    expect(await verdictOf({ notes: [notes[0] ?? '', signed(lines, 6, [keys.key]), notes[2] ?? ''] })).toBe(
      'bad-signature',
    );
  });

  it('two heads of one size are signed', async () => {
    const last = { ...blockIn(lines[10]), user: 'nobody' };
    const forged = [...lines.slice(0, 10), ...relinked(10, [last])];
    expect(await verdictOf({ notes: [...notes, signed(forged, 11, [keys.key])] })).toBe('diverged');
  });

  it('linear-fake: a chain that holds beside a tree of other blocks', async () => {
    const other = { ...blockIn(lines[7]), user: 'nobody' };
    const tree = lines.toSpliced(7, 1, ...relinked(7, [other]));
    expect(await verdictOf({ notes: [...notes.slice(0, 2), signed(tree, 11, [keys.key])] })).toBe('diverged');
  });

  it('a key that no block declares signs, or one under another name', async () => {
    const stranger = newSigner('ledger.example');
    expect(await verdictOf({ notes: [...notes, signed(lines, 12, [stranger])] })).toBe('bad-signature');
    expect(await verdictOf({ notes: [...notes, signed(lines, 12, [keys.key], 'other.example')] })).toBe(
      'bad-signature',
    );
  });

  it('any byte of a note flipped is a line that is passed over, or found', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(10_000), fc.integer({ min: 1, max: 127 }), async (any, mask) => {
        const note = Buffer.from(noteIn(notes[2]));
        const at = any % note.length;
        note[at] = (note[at] ?? 0) ^ mask;
        const text = note.toString('utf8');
        fc.pre(text !== noteIn(notes[2]));
        const verdict = await verdictOf({
          notes: [...notes.slice(0, 2), JSON.stringify({ at: '', note: text })],
        });
        expect(['ok', 'bad-signature']).toContain(verdict);
      }),
      { numRuns: 150 },
    );
  });

  const traps: [string, (text: string) => string][] = [
    ['a key given twice', (text) => text.replace('{"action":', '{"action":"other","action":')],
    ['a smuggled __proto__', (text) => text.replace('"data":{', '"data":{"__proto__":{"x":1},')],
    ['another spelling of a number', (text) => text.replace('"pid":812', '"pid":8.12e2')],
    ['an escaped letter', (text) => text.replace('"user":"root"', '"user":"\\u0072oot"')],
    ['a fraction that is none', (text) => text.replace('"pid":812', '"pid":812.0')],
  ];
  it.each(traps)('re-canonicalising: %s', async (_, change) => {
    const body = lines[11]?.subarray(9, -76).toString('utf8') ?? '';
    const text = change(body);
    expect(text).not.toBe(body);
    const withHash = (hash: string) => lines.with(11, Buffer.from(`{"block":${text},"hash":"${hash}"}\n`));
    // Whoever reads, sorts and writes again gets the bytes that were hashed first: we hash what stands there.
    expect(await verdictOf({ lines: withHash(sha256Hex(body)) })).toBe('broken');
    // Hashed anew it is a block of its own; one that two readers may read in two ways is none.
    const isOne = canonical(JSON.parse(text)) === text;
    expect(await verdictOf({ lines: withHash(sha256Hex(text)) })).toBe(isOne ? 'ok' : 'broken');
    expect(isOne).toBe(text.includes('__proto__'));
  });
});

describe('a policy', () => {
  const witness = newSigner('witness.example');
  const policy = (key: Signer, quorum: string) =>
    parsePolicy(`log ${verifierText(key.verifier)}\nwitness w ${cosignerText(witness)}\nquorum ${quorum}\n`);

  it('asks for a log that has signed', async () => {
    expect(await verdictOf({ options: { policy: policy(keys.key, 'none') } })).toBe('ok');
    expect(await verdictOf({ options: { policy: policy(newSigner('ledger.example'), 'none') } })).toBe(
      'bad-signature',
    );
  });

  it('asks for witnesses who have cosigned', async () => {
    expect(await verdictOf({ options: { policy: policy(keys.key, 'w') } })).toBe('unanchored');
    const note = noteIn(notes[2]);
    const text = note.slice(0, note.lastIndexOf('\n\n') + 1);
    const cosigned = JSON.stringify({
      at: '2026-11-30T00:00:00.000Z',
      note: note + cosign(text, witness, 1_700_000_000),
    });
    expect(await verdictOf({ notes: [...notes, cosigned], options: { policy: policy(keys.key, 'w') } })).toBe(
      'ok',
    );
  });

  it('or an age that was asked for, and is over, is a gap', async () => {
    const now = () => Date.now() + 3_600_000;
    expect(await verdictOf({ options: { maxAge: 7200, now } })).toBe('ok');
    expect(await verdictOf({ options: { maxAge: 1800, now } })).toBe('gap');
  });
});

describe('a verification from a checkpoint on', () => {
  const from = (index: number) => {
    const { size, root } = parseCheckpoint(parseNote(noteIn(notes[index])).text);
    return { size, root, from: 'a file' };
  };
  const verify = async (
    changed: readonly Buffer[],
    index: number,
    options: Partial<EvidenceOptions> = {},
  ) => {
    using place = scratch(Buffer.concat([...changed]));
    for (const name of ['tree', 'checkpoints.jsonl', 'keys.jsonl'])
      cpSync(side(original, name), side(place, name));
    return await verifyEvidence(place.path, { now: Date.now, from: from(index), ...options });
  };

  it('looks at what came after it, and at nothing else', async () => {
    for (const [index, blocks] of [11, 6, 1].entries())
      expect(await verify(lines, index)).toMatchObject({ verdict: 'ok', chain: { blocks } });
    const spoiled = Buffer.from(lines[2] ?? '');
    spoiled[30] = 0x21;
    expect(await verify(lines.with(2, spoiled), 1)).toMatchObject({ verdict: 'ok' });
    expect(await verify(lines.with(2, spoiled), 0)).toMatchObject({
      verdict: 'broken',
      fault: { height: 3, line: 3 },
    });
    const late = Buffer.from(lines[8] ?? '');
    late[30] = 0x21;
    expect(await verify(lines.with(8, late), 1)).toMatchObject({
      verdict: 'broken',
      fault: { height: 9, line: 9 },
    });
  });

  it('accuses nobody where nothing came after it', async () => {
    const found = await verify(lines.slice(0, 11), 2);
    expect(found).toMatchObject({
      verdict: 'ok',
      chain: { blocks: 0 },
      newest: { checkpoint: { size: 11 } },
    });
  });

  it('finds a block that is remembered, also where it is not looked at again', async () => {
    for (const size of [12, 11, 6, 3]) {
      const of = (hash: string) => verify(lines, 2, { known: [{ size, hash, from: 'a note' }] });
      expect(await of(hashIn(lines[size - 1]))).toMatchObject({ verdict: 'ok' });
      expect(await of('ab'.repeat(32))).toMatchObject({
        verdict: 'diverged',
        fault: { height: size, reason: 'known-head' },
      });
    }
  });

  it('does not begin at one that covers other blocks, or more than there are', async () => {
    const forged = [...lines.slice(0, 5), ...relinked(5, [{ ...blockIn(lines[5]), user: 'nobody' }])];
    expect(await verify(forged, 1)).toMatchObject({
      verdict: 'diverged',
      fault: { height: 6, reason: 'root' },
    });
    expect(await verify(lines.slice(0, 8), 2)).toMatchObject({
      verdict: 'diverged',
      fault: { reason: 'cut' },
    });
  });
});

describe('a ledger that was emptied, and went on', () => {
  it.each([0, 4])(
    'holds what came after it, and says that the blocks before are gone: %i left',
    async (left) => {
      using place = scratch(Buffer.concat(lines.slice(0, left)));
      for (const name of ['checkpoints.jsonl', 'keys.jsonl', 'key', 'signed.json'])
        cpSync(side(original, name), side(place, name));
      const verify = async () => verifyEvidence(place.path, { now: Date.now });
      const verdicts = [(await verify()).verdict];
      for (const turn of [1, 2]) {
        const ledger = await open(place.path);
        const checkpoints = openCheckpoints({
          ...{
            ledger,
            path: place.path,
            hostname: 'pve1',
            machineId: 'a'.repeat(32),
            origin: 'ledger.example',
          },
          ...{ everySeconds: 3600, heartbeatSeconds: 3600, now: Date.now, mono: () => 1 },
          onError: (error: unknown) => expect(error).toBeUndefined(),
          onEpoch: () => undefined,
        });
        await checkpoints.started;
        await checkpoints.sign();
        const found = await verify();
        verdicts.push(found.verdict);
        expect(found.fault?.reason).toBe('lost');
        // Also when it has come further than what was signed before.
        for (let n = 0; n < 15; n++) await ledger.append(entry(n));
        await checkpoints.close();
        await ledger.close();
        verdicts.push((await verify()).verdict);
        if (turn === 1) writeFileSync(place.path, Buffer.concat(lines.slice(0, left)));
        if (turn === 1) verdicts.push((await verify()).verdict);
      }
      expect(verdicts).toEqual(['diverged', 'gap', 'gap', 'diverged', 'gap', 'gap']);
    },
  );
});

describe('a ledger that was rolled back', () => {
  it('says so in a gap, and holds all that came after it', async () => {
    using place = scratch();
    const start = async () => {
      const ledger = await open(place.path);
      const checkpoints = await signing(ledger, place.path, '');
      return async () => {
        await checkpoints.close();
        await ledger.close();
      };
    };
    const verify = async () => verifyEvidence(place.path, { now: Date.now });
    let stop = await start();
    await stop();
    const old = mkdtempSync(join(place.dir, 'old-'));
    cpSync(place.path, join(old, 'ledger.jsonl'));
    for (const count of [2, 3]) {
      const more = await open(place.path);
      for (let n = 0; n < count; n++) await more.append(entry(n));
      await more.close();
      stop = await start();
      await stop();
    }
    expect((await verify()).verdict).toBe('ok');
    cpSync(join(old, 'ledger.jsonl'), place.path);
    // What is appended before the epoch begins has the heights of blocks that the epoch before had signed.
    const early = await open(place.path);
    for (let n = 20; n < 23; n++) await early.append(entry(n));
    await early.close();
    stop = await start();
    await stop();
    const found = await verify();
    expect([found.verdict, found.fault?.reason]).toEqual(['gap', 'lost']);
    rmSync(old, { recursive: true });
  });
});

const cosignerText = ({ verifier }: Signer) => {
  const raw = Buffer.concat([Buffer.of(4), verifier.raw]);
  const id = sha256Id(verifier.name, raw);
  const text = `${verifier.name}+${id}+${raw.toString('base64')}`;
  return verifierText(readVerifier(text));
};
const sha256Id = (name: string, raw: Buffer) =>
  Buffer.from(sha256Hex(Buffer.concat([Buffer.from(`${name}\n`), raw])), 'hex')
    .subarray(0, 4)
    .toString('hex');
