// The ledger's head is signed, over every block, and never twice in two ways; whatever happens to the host is told in a new epoch.

import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCheckpoints, readPublicKeys } from '../../../../src/core/ledger/checkpoint/checkpoint-file.ts';
import {
  type CheckpointOptions,
  type Checkpoints,
  openCheckpoints,
} from '../../../../src/core/ledger/checkpoint/checkpoints.ts';
import type { EpochNote } from '../../../../src/core/ledger/checkpoint/epoch-note.ts';
import { verifyEvidence } from '../../../../src/core/ledger/checkpoint/verify-evidence.ts';
import { type HashedBlock, type LedgerWriter, tail } from '../../../../src/core/ledger/index.ts';
import { newSigner, readVerifier } from '../../../../src/core/ledger/note/keys.ts';
import { signatureBy } from '../../../../src/core/ledger/note/signed-note.ts';
import { leafHash, nodeHash } from '../../../../src/core/ledger/tree/hash.ts';
import { isConsistent } from '../../../../src/core/ledger/tree/verify-proof.ts';
import { entry, open, type Scratch, scratch, splitLines } from './scratch.ts';

const MACHINE = '0123456789abcdef0123456789abcdef';

interface Run {
  ledger: LedgerWriter;
  checkpoints: Checkpoints;
  epochs: EpochNote[];
  errors: unknown[];
  end(): Promise<void>;
}

async function run(place: Scratch, more: Partial<CheckpointOptions> = {}): Promise<Run> {
  const ledger = await open(place.path, { onBroken: 'set-aside' });
  const epochs: EpochNote[] = [];
  const errors: unknown[] = [];
  const checkpoints = openCheckpoints({
    ledger,
    path: place.path,
    hostname: 'pve1',
    machineId: MACHINE,
    origin: '',
    everySeconds: 3600,
    heartbeatSeconds: 3600,
    now: Date.now,
    mono: () => performance.now() / 1000,
    onError: (error) => errors.push(error),
    onEpoch: (begun) => epochs.push(begun),
    ...more,
  });
  await checkpoints.started;
  return {
    ledger,
    checkpoints,
    epochs,
    errors,
    async end() {
      await checkpoints.close();
      await ledger.close();
    },
  };
}

const side = (place: Scratch, name: string) => join(place.dir, 'ledger.d', name);
/** Of everything but the socket that is the writer's lock. */
const copyDisk = (from: Scratch, to: Scratch) =>
  cpSync(from.dir, to.dir, { recursive: true, filter: (path) => !path.includes('lock.') });
const kept = async (place: Scratch) => (await readCheckpoints(side(place, 'checkpoints.jsonl'))).all;

/** MTH over the bytes of the blocks as they stand in the file (RFC 6962, section 2.1). */
function rootOfFile(path: string): Buffer {
  const mth = (leaves: Buffer[]): Buffer => {
    if (leaves.length < 2) return leaves[0] ?? Buffer.alloc(0);
    const half = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
    return nodeHash(mth(leaves.slice(0, half)), mth(leaves.slice(half)));
  };
  return mth(splitLines(readFileSync(path)).map((line) => leafHash(line.subarray(9, -76))));
}

async function append(ledger: LedgerWriter, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, n) => ledger.append(entry(n))));
}

const begun = async (place: Scratch): Promise<HashedBlock[]> =>
  (await tail(place.path, 100)).filter(({ action }) => action === 'ledger_epoch_begun');

describe('a checkpoint', () => {
  it('is over every block of the file, also of those that were there before there were checkpoints', async () => {
    using place = scratch();
    const before = await open(place.path);
    await append(before, 37);
    await before.close();
    const { ledger, checkpoints, end, errors } = await run(place);
    expect(checkpoints.newest()).toMatchObject({ size: 38, root: rootOfFile(place.path) });
    await append(ledger, 20);
    await checkpoints.sign();
    expect(checkpoints.newest()).toMatchObject({ size: 58, root: rootOfFile(place.path) });
    await append(ledger, 3);
    await end();
    const all = await kept(place);
    expect(all.map(({ checkpoint }) => checkpoint.size)).toEqual([38, 58, 61]);
    const [key] = [readVerifier(checkpoints.status().key ?? '')];
    for (const { note } of all) expect(signatureBy(note, key)).toBeDefined();
    expect(errors).toEqual([]);
  });

  it('is consistent with every one before it, over restarts and a tree that was lost', async () => {
    using place = scratch();
    for (const lose of [false, true, false]) {
      if (lose) rmSync(side(place, 'tree'));
      const { ledger, checkpoints, end } = await run(place);
      for (const count of [1, 2, 5, 9]) {
        await append(ledger, count);
        await checkpoints.sign();
      }
      const all = (await kept(place)).map(({ checkpoint }) => checkpoint);
      const newest = all.at(-1);
      if (newest === undefined) throw new Error('no checkpoint');
      for (const old of all) {
        const proof = await checkpoints.consistency(old.size, newest.size);
        expect(isConsistent(old, newest, proof)).toBe(true);
      }
      await end();
    }
    expect(await begun(place)).toHaveLength(1);
  });

  it('is not made again when there is nothing new, and its files are for root alone', async () => {
    using place = scratch();
    const { checkpoints, end } = await run(place);
    await checkpoints.sign();
    await end();
    expect(await kept(place)).toHaveLength(1);
    expect(statSync(side(place, 'key')).mode & 0o777).toBe(0o400);
    await (await run(place)).end();
    expect(await kept(place)).toHaveLength(1);
  });

  it('comes by itself after a block, and at once after a burst', async () => {
    using place = scratch();
    const { ledger, checkpoints, end } = await run(place, { everySeconds: 0.05 });
    const signed = () => new Promise<void>((resolve) => checkpoints.onSigned(resolve));
    const next = signed();
    await append(ledger, 1);
    await next;
    expect(checkpoints.newest()?.size).toBe(2);
    await end();
    using other = scratch();
    const burst = await run(other);
    const soon = new Promise<void>((resolve) => burst.checkpoints.onSigned(resolve));
    await append(burst.ledger, 10_000);
    await soon;
    expect(burst.checkpoints.newest()?.size).toBeGreaterThan(1_000);
    await burst.end();
  });

  it('comes at once around what changes the host as a whole', async () => {
    using place = scratch();
    const { ledger, checkpoints, end } = await run(place);
    for (const action of ['bridge_create', 'bridge_created', 'config_reloaded']) {
      const signed = new Promise<void>((resolve) => checkpoints.onSigned(resolve));
      const { height } = await ledger.append(entry(1, { category: 'bridge', action }));
      await signed;
      expect(checkpoints.newest()?.size).toBe(height);
    }
    await append(ledger, 1);
    expect(checkpoints.newest()?.size).toBe(4);
    await end();
  });

  it('is never signed of another head of the same size', async () => {
    using place = scratch();
    const { ledger, checkpoints, end, errors } = await run(place);
    await append(ledger, 5);
    await checkpoints.sign();
    // Somebody has signed other blocks in this one's name meanwhile, as a second agent on a copy of the disk would.
    const file = side(place, 'signed.json');
    const signed = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...signed, size: 7, root: 'ab'.repeat(32) }));
    await append(ledger, 1);
    await expect(checkpoints.sign()).rejects.toMatchObject({ code: 'ledger-checkpoint-refused' });
    expect((await kept(place)).map(({ checkpoint }) => checkpoint.size)).toEqual([1, 6]);
    await end();
    expect(errors).toMatchObject([{ code: 'ledger-checkpoint-refused' }]);
    // The next start knows that it is not the one who signed that, and says so.
    const next = await run(place);
    expect(next.epochs).toMatchObject([{ why: 'rolled-back', parent: { size: 7, root: 'ab'.repeat(32) } }]);
    await next.end();
  });

  it('that could not be written is signed later, and as the same', async () => {
    using place = scratch();
    const { ledger, checkpoints, end, errors } = await run(place);
    await append(ledger, 2);
    rmSync(side(place, 'checkpoints.jsonl'));
    mkdirSync(side(place, 'checkpoints.jsonl'));
    await expect(checkpoints.sign()).rejects.toMatchObject({ code: 'EISDIR' });
    rmSync(side(place, 'checkpoints.jsonl'), { recursive: true });
    await checkpoints.sign();
    await end();
    expect((await kept(place)).map(({ checkpoint }) => checkpoint.size)).toEqual([3]);
    expect(errors).toEqual([]);
  });
});

describe('a key', () => {
  it('is followed by another, whose first checkpoint both have signed', async () => {
    using place = scratch();
    const { ledger, checkpoints, end } = await run(place);
    await append(ledger, 3);
    const { former, key, size } = await checkpoints.rotateKey();
    await append(ledger, 3);
    await end();
    expect(size).toBe(5);
    const [old, fresh] = [readVerifier(former), readVerifier(key)];
    expect(
      (await kept(place)).map(({ note, checkpoint }) => [
        checkpoint.size,
        signatureBy(note, old) !== undefined,
        signatureBy(note, fresh) !== undefined,
      ]),
    ).toEqual([
      [1, true, false],
      [5, true, true],
      [8, false, true],
    ]);
    const again = await run(place);
    expect(again.checkpoints.status().key).toBe(key);
    expect(again.epochs).toEqual([]);
    await again.end();
  });

  it('whose new name was lost with the power is the key if it has signed, and is forgotten if not', async () => {
    using place = scratch();
    const { checkpoints, end } = await run(place);
    const { key } = await checkpoints.rotateKey();
    await end();
    cpSync(side(place, 'key'), side(place, 'key.next'));
    rmSync(side(place, 'key'));
    // Nor had it been written down that it signs.
    const named = readFileSync(side(place, 'keys.jsonl'), 'utf8');
    writeFileSync(side(place, 'keys.jsonl'), named.slice(0, named.indexOf('\n') + 1));
    const again = await run(place);
    expect(again.checkpoints.status().key).toBe(key);
    expect(readFileSync(side(place, 'keys.jsonl'), 'utf8')).toBe(named);
    await again.end();
    // Or the power went between the two: it is written again, and is one key.
    cpSync(side(place, 'key'), side(place, 'key.next'));
    await (await run(place)).end();
    const lines = named.trimEnd().split('\n');
    expect(readFileSync(side(place, 'keys.jsonl'), 'utf8')).toBe(`${named}${lines[1]}\n`);
    const known = await readPublicKeys(side(place, 'keys.jsonl'));
    expect(known).toEqual(lines.map((line) => JSON.parse(line)));
    writeFileSync(side(place, 'key.next'), newSigner('pve1/other').privateText());
    const last = await run(place);
    expect(last.checkpoints.status().key).toBe(key);
    expect(last.epochs).toEqual([]);
    await last.end();
  });

  it('that systemd hands over signs, and none is written', async () => {
    using place = scratch();
    const credential = join(place.dir, 'credential');
    writeFileSync(credential, newSigner('any').privateText());
    const { checkpoints, end } = await run(place, { credential });
    expect(checkpoints.newest()?.note).toContain(`— ${checkpoints.origin()} `);
    await end();
    expect(existsSync(side(place, 'key'))).toBe(false);
    const again = await run(place, { credential });
    expect(again.epochs).toEqual([]);
    await again.end();
  });

  it('that systemd hands over does not come back once another has followed it', async () => {
    using place = scratch();
    const credential = join(place.dir, 'credential');
    const [first, second] = [newSigner('any').privateText(), newSigner('any').privateText()];
    writeFileSync(credential, first);
    const { checkpoints, end } = await run(place, { credential });
    writeFileSync(credential, second);
    await checkpoints.rotateKey();
    writeFileSync(credential, first);
    await expect(checkpoints.rotateKey()).rejects.toMatchObject({
      code: 'ledger-key-unusable',
      message: expect.stringContaining('has had its time'),
    });
    await end();
    expect((await verifyEvidence(place.path, { now: Date.now })).verdict).toBe('ok');
  });

  it('that cannot be read is told, and no other takes its place', async () => {
    using place = scratch();
    await (await run(place)).end();
    chmodSync(side(place, 'key'), 0o600);
    writeFileSync(side(place, 'key'), 'no key');
    const { checkpoints, errors, end } = await run(place);
    expect(errors).toMatchObject([{ code: 'ledger-key-unusable' }]);
    expect(checkpoints.status()).toMatchObject({ size: undefined, problem: expect.stringContaining('key') });
    await end();
    expect(readFileSync(side(place, 'key'), 'utf8')).toBe('no key');
  });
});

describe('an epoch', () => {
  /** A ledger with some checkpoints, as it was at size 5 and as it is at size 12. */
  async function grown(place: Scratch, copy: Scratch): Promise<void> {
    const first = await run(place);
    await append(first.ledger, 4);
    await first.end();
    copyDisk(place, copy);
    const second = await run(place);
    await append(second.ledger, 7);
    await second.end();
  }

  it('begins when the ledger is shorter than what was signed, and names that', async () => {
    using place = scratch();
    using old = scratch();
    await grown(place, old);
    const signed = JSON.parse(readFileSync(side(place, 'signed.json'), 'utf8'));
    cpSync(old.path, place.path);
    const { checkpoints, epochs, end } = await run(place);
    expect(epochs).toMatchObject([{ why: 'rolled-back', parent: { size: 12, root: signed.root } }]);
    const [, second] = await begun(place);
    expect(second?.data).toMatchObject({
      ...{ epoch: 2, why: 'rolled-back', blocks: 5, origin: checkpoints.origin() },
      parent: { origin: signed.origin, size: 12, root: signed.root },
    });
    expect(checkpoints.origin()).toBe(`${signed.origin}/e2`);
    expect(checkpoints.newest()).toMatchObject({ size: 6, root: rootOfFile(place.path) });
    await end();
    // The head of the old epoch stands as it was, and the key of its time has signed the new one's first.
    const all = await kept(place);
    expect(all.map(({ checkpoint }) => [checkpoint.origin === signed.origin, checkpoint.size])).toEqual([
      [true, 1],
      [true, 5],
      [true, 12],
      [false, 6],
    ]);
    expect(all.at(-1)?.note.signatures).toHaveLength(2);
  });

  it('begins when lines were cut off the end, also when as many came again', async () => {
    using place = scratch();
    const first = await run(place);
    await append(first.ledger, 6);
    await first.end();
    const lines = splitLines(readFileSync(place.path));
    truncateSync(
      place.path,
      lines.slice(0, 4).reduce((bytes, line) => bytes + line.length, 0),
    );
    const without = await open(place.path);
    await append(without, 10);
    await without.close();
    const { epochs, checkpoints, end } = await run(place);
    expect(epochs).toMatchObject([{ why: 'rolled-back', parent: { size: 7 } }]);
    expect(checkpoints.newest()).toMatchObject({ size: 15, root: rootOfFile(place.path) });
    await end();
  });

  it('begins on a host that was cloned, with a key of its own', async () => {
    using place = scratch();
    using clone = scratch();
    const first = await run(place);
    await first.end();
    copyDisk(place, clone);
    const other = await run(clone, { machineId: 'f'.repeat(32) });
    expect(other.epochs).toMatchObject([{ why: 'other-machine' }]);
    expect(other.checkpoints.status().key?.split('+')[2]).not.toBe(
      first.checkpoints.status().key?.split('+')[2],
    );
    expect(other.checkpoints.origin()).not.toBe(first.checkpoints.origin());
    await other.end();
    const all = await kept(clone);
    const old = readVerifier(first.checkpoints.status().key ?? '');
    expect(all.map(({ note }) => signatureBy(note, old) !== undefined)).toEqual([true, false]);
  });

  it.each([
    ['its key is gone', 'key-lost', (place: Scratch) => rmSync(side(place, 'key'))],
    ['what was signed is gone', 'record-lost', (place: Scratch) => rmSync(side(place, 'signed.json'))],
    [
      'what was signed cannot be read',
      'record-lost',
      (place: Scratch) => writeFileSync(side(place, 'signed.json'), '{'),
    ],
  ])('begins when %s', async (_, why, lose) => {
    using place = scratch();
    await (await run(place)).end();
    lose(place);
    const { epochs, end } = await run(place);
    expect(epochs).toMatchObject([{ why }]);
    await end();
    const again = await run(place);
    expect(again.epochs).toEqual([]);
    await again.end();
  });

  it('does not begin when the host has another name, and does when the origin is another', async () => {
    using place = scratch();
    await (await run(place)).end();
    const renamed = await run(place, { hostname: 'pve2' });
    expect(renamed.epochs).toEqual([]);
    await renamed.end();
    const named = await run(place, { origin: 'ledger.example/{key}' });
    expect(named.epochs).toMatchObject([{ why: 'origin-changed' }]);
    expect(named.checkpoints.origin()).toMatch(/^ledger\.example\/[0-9a-f]{64}$/);
    await named.end();
    const again = await run(place, { origin: 'ledger.example/{key}' });
    expect(again.epochs).toEqual([]);
    await again.end();
  });

  it('begins when a witness has seen more than there is, and not when it has seen less', async () => {
    using place = scratch();
    const { ledger, checkpoints, epochs, end } = await run(place);
    await append(ledger, 3);
    await checkpoints.sign();
    await checkpoints.reportAhead('witness.example', 4);
    expect(epochs).toEqual([]);
    await checkpoints.reportAhead('witness.example', 9);
    expect(epochs).toMatchObject([{ why: 'witness-ahead', witness: { name: 'witness.example', size: 9 } }]);
    await end();
    expect((await begun(place)).at(-1)?.data).toMatchObject({ witness: 'witness.example', witnessed: 9 });
  });
});

describe('a heartbeat', () => {
  it('comes again and again, and none is missed when the clock jumps forward and back', async () => {
    using place = scratch();
    const start = Date.now();
    let looks = 0;
    // Forward by a day, back by two, and so on: as a host with a bad clock and a good server does.
    const clock = {
      now: () => start + (++looks % 3 === 0 ? 86_400_000 : looks % 3 === 1 ? -172_800_000 : 0),
    };
    const ledger = await open(place.path, { clock });
    const errors: unknown[] = [];
    const checkpoints = openCheckpoints({
      ...{ ledger, path: place.path, hostname: 'pve1', machineId: MACHINE, origin: '' },
      ...{ everySeconds: 0.02, heartbeatSeconds: 0.01, now: clock.now, mono: () => 1 },
      onError: (error) => errors.push(error),
      onEpoch: () => undefined,
    });
    const beats: HashedBlock[] = [];
    await new Promise<void>((resolve) => {
      ledger.subscribe((block) => {
        if (block.action === 'ledger_heartbeat' && beats.push(block) === 12) resolve();
      });
    });
    await checkpoints.close();
    await ledger.close();
    expect(beats.map(({ data }) => (data as { beat: number }).beat)).toEqual(beats.map((_, n) => n + 1));
    expect(new Set(beats.map(({ timestamp }) => timestamp.slice(0, 10))).size).toBeGreaterThan(1);
    const found = await verifyEvidence(place.path, { now: () => start });
    expect([found.verdict, found.fault]).toEqual(['ok', undefined]);
    expect((await kept(place)).length).toBeGreaterThan(1);
    expect(errors).toEqual([]);
  });
});

describe('a ledger with a line that is none', () => {
  it('goes on without a head that says it is whole', async () => {
    using place = scratch();
    const before = await open(place.path);
    await append(before, 1000);
    await before.close();
    const bytes = readFileSync(place.path);
    bytes[20] = 0x21;
    bytes.fill(0x21, 0, splitLines(bytes)[0]?.length ?? 0);
    writeFileSync(place.path, bytes);
    const { ledger, checkpoints, errors, end } = await run(place);
    expect(errors).toMatchObject([{ code: 'ledger-broken' }]);
    await append(ledger, 1);
    expect(checkpoints.newest()).toBeUndefined();
    await end();
    expect(existsSync(side(place, 'checkpoints.jsonl'))).toBe(false);
  });
});
