// The verifier of the package that shares no code with ours says the same of damaged ledgers.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonical } from '../../../../src/core/ledger/canonical.ts';
import { openCheckpoints } from '../../../../src/core/ledger/checkpoint/checkpoints.ts';
import { verifyEvidence } from '../../../../src/core/ledger/checkpoint/verify-evidence.ts';
import { checkpointText } from '../../../../src/core/ledger/note/checkpoint.ts';
import { cosign } from '../../../../src/core/ledger/note/cosignature.ts';
import { newSigner, readSigner, type Signer, verifierText } from '../../../../src/core/ledger/note/keys.ts';
import { signNote } from '../../../../src/core/ledger/note/signed-note.ts';
import { packMember } from '../../../../src/core/ledger/packed-member.ts';
import { segmentName } from '../../../../src/core/ledger/segments.ts';
import { sha256Hex } from '../../../../src/core/ledger/sha256.ts';
import { leafHash, nodeHash } from '../../../../src/core/ledger/tree/hash.ts';
import type { Json } from '../../../../src/core/lib/json.ts';
import { cli } from '../../../unit/cli/fake.ts';
import { entry, open, scratch, splitLines } from './scratch.ts';

/** OPA_DAMAGED=10000 OPA_SEED=7 for more of them, and others. Where the two differ, the message says which; OPA_KEEP=DIR keeps those. */
const COUNT = Number(process.env.OPA_DAMAGED ?? 1000);
const SEED = Number(process.env.OPA_SEED ?? 20261130);
const BATCH = 500;
const SCRIPT = join(import.meta.dirname, '../../../../packaging/deb/verify.py');
const CHECKPOINTS = 'ledger.d/checkpoints.jsonl';
const KEYS = 'ledger.d/keys.jsonl';
const ACTIVE = 'ledger.jsonl';

/** A ledger with all that lies beside it, by path. */
type Files = Readonly<Record<string, Buffer>>;
interface Base {
  name: string;
  files: Files;
  signers: readonly Signer[];
}

/** Numbers from 0 to below 1, the same in each run of one seed (Mulberry32). */
function dice(seed: number) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function read(dir: string, at = ''): Record<string, Buffer> {
  const files: Record<string, Buffer> = {};
  for (const { name } of readdirSync(join(dir, at), { withFileTypes: true })) {
    const path = join(at, name);
    const found = statSync(join(dir, path), { throwIfNoEntry: false });
    if (found?.isDirectory()) Object.assign(files, read(dir, path));
    else if (found?.isFile() && (path === ACTIVE || /checkpoints|segments|tree$|keys/.test(path)))
      files[path] = readFileSync(join(dir, path));
  }
  return files;
}

function write(dir: string, files: Files): void {
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), bytes);
  }
}

/** Two keys, heartbeats, a cut after which a new epoch begins. */
async function makeBases(): Promise<Base[]> {
  using place = scratch();
  const signers: Signer[] = [];
  const run = async (count: number, rotate: boolean, beats: number, dropped?: Json) => {
    const ledger = await open(place.path);
    let mono = 1;
    const checkpoints = openCheckpoints({
      ...{ ledger, path: place.path, hostname: 'pve1', machineId: 'a'.repeat(32), origin: '' },
      ...{ everySeconds: 3600, heartbeatSeconds: 3600, now: Date.now, mono: () => mono++ },
      onError: (error: unknown) => expect(error).toBeUndefined(),
      onEpoch: () => undefined,
    });
    await ledger.append({
      category: 'lifecycle',
      action: 'agent_started',
      data: { version: '1', node: 'pve1', config_warnings: [] },
    });
    await checkpoints.started;
    const own = () => readSigner(readFileSync(join(place.dir, 'ledger.d/key'), 'utf8'));
    signers.push(own());
    for (let n = 0; n < count; n++) await ledger.append(entry(n));
    if (dropped)
      await ledger.append({ category: 'filesystem', action: 'ledger_bodies_dropped', data: dropped });
    for (let n = 1; n <= beats; n++)
      await ledger.append({
        category: 'filesystem',
        action: 'ledger_heartbeat',
        data: { beat: n, every_s: 3600, mono_s: n * 3600, checkpoint: null },
      });
    if (rotate) {
      await checkpoints.rotateKey();
      signers.push(own());
      await ledger.append(entry(count));
    }
    await checkpoints.close();
    await ledger.append(entry(count + 1));
    await ledger.close();
  };
  await run(2, true, 0);
  const first = read(place.dir);
  const emptied = [await emptiedBase(place.dir, 0), await emptiedBase(place.dir, 5)];
  await run(1, false, 2);
  const second = read(place.dir);
  // Cut behind what was signed: the next run begins an epoch.
  truncateSync(
    place.path,
    splitLines(second[ACTIVE] as Buffer)
      .slice(0, -4)
      .reduce((sum, line) => sum + line.length, 0),
  );
  await run(2, false, 1);
  const third = read(place.dir);
  // What retention does: a block that says so, and a checkpoint over it, before the oldest segment goes.
  const last = String(splitLines(third[ACTIVE] as Buffer)[DROPPED - 1]);
  await run(0, false, 0, { from: 1, to: DROPPED, last_hash: JSON.parse(last).hash });
  const fourth = read(place.dir);
  const bases = [
    { name: 'one epoch, two keys', files: first, signers },
    { name: 'two runs with heartbeats', files: second, signers },
    { name: 'two epochs', files: third, signers },
    { name: 'no checkpoint', files: { [ACTIVE]: first[ACTIVE] as Buffer }, signers },
  ];
  const packed: Base[] = [];
  for (const { name, files, signers: own } of bases)
    packed.push({ name: `${name}, in segments`, files: await inSegments(files), signers: own });
  return [...bases, ...emptied, ...packed, { name: 'bodies dropped', files: withoutBodies(fourth), signers }];
}

/** The file was cut to so many blocks, none of which declares the second key; then the agent ran on. That key is known beside the ledger alone. */
async function emptiedBase(dir: string, left: number): Promise<Base> {
  using place = scratch();
  cpSync(dir, place.dir, { recursive: true, filter: (path) => !path.includes('lock.') });
  const lines = splitLines(readFileSync(place.path));
  writeFileSync(place.path, Buffer.concat(lines.slice(0, left)));
  const ledger = await open(place.path);
  const checkpoints = await signing(ledger, place.path, '');
  const signers = [readSigner(readFileSync(join(place.dir, 'ledger.d/key'), 'utf8'))];
  for (let n = 0; n < 9; n++) await ledger.append(entry(n));
  await checkpoints.close();
  signers.push(readSigner(readFileSync(join(place.dir, 'ledger.d/key'), 'utf8')));
  await ledger.close();
  return { name: `gone on after a cut to ${left} blocks`, files: read(place.dir), signers };
}

/** How many blocks have no body any more; their leaves are in the tree. */
const DROPPED = 4;

function withoutBodies(files: Files): Files {
  const lines = splitLines(files[ACTIVE] as Buffer);
  return {
    ...files,
    [`ledger.d/segments/${segmentName(DROPPED + 1)}`]: Buffer.concat(lines.slice(DROPPED, DROPPED + 3)),
    [ACTIVE]: Buffer.concat(lines.slice(DROPPED + 3)),
  };
}

async function inSegments(files: Files): Promise<Files> {
  const lines = splitLines(files[ACTIVE] as Buffer);
  const [a, b] = [Math.floor(lines.length / 3), Math.floor((2 * lines.length) / 3)];
  const members = [lines.slice(0, 2), lines.slice(2, a)].filter(({ length }) => length > 0);
  const packed = await Promise.all(members.map((part) => packMember(Buffer.concat(part))));
  return {
    ...files,
    [`ledger.d/segments/${segmentName(1)}.gz`]: Buffer.concat(packed),
    [`ledger.d/segments/${segmentName(a + 1)}`]: Buffer.concat(lines.slice(a, b)),
    [ACTIVE]: Buffer.concat(lines.slice(b)),
  };
}

type Dice = () => number;
type Damage = (files: Files, roll: Dice, base: Base) => Files | Promise<Files>;
const below = (roll: Dice, count: number) => Math.floor(roll() * count);
const pick = <T>(roll: Dice, list: readonly T[]): T => list[below(roll, list.length)] as T;
const anyFile = (files: Files, roll: Dice, wanted = /./) =>
  pick(
    roll,
    Object.keys(files).filter((path) => wanted.test(path)),
  );
const withLines = (files: Files, path: string, change: (lines: Buffer[]) => readonly Buffer[]): Files => ({
  ...files,
  [path]: Buffer.concat([...change(splitLines(files[path] ?? Buffer.alloc(0)))]),
});
const lineFile = (files: Files, roll: Dice) =>
  roll() < 0.5 && files[CHECKPOINTS] ? CHECKPOINTS : anyFile(files, roll, /\.jsonl$/);

/** All lines of the ledger, whatever file they are in; the same in one file. */
const flattened = (bases: readonly Base[], files: Files): Files => {
  // Segments are made of a base that has none.
  const plain = bases.find(
    ({ name, files: own }) =>
      !name.includes('segments') && own[CHECKPOINTS]?.equals(files[CHECKPOINTS] ?? Buffer.alloc(0)),
  );
  return Object.keys(files).some((path) => path.includes('segments')) ? (plain?.files ?? files) : files;
};

function relinked(
  lines: readonly Buffer[],
  from: number,
  change: (block: Record<string, unknown>) => void,
): Buffer[] {
  let hash = from === 0 ? '0'.repeat(64) : (JSON.parse(String(lines[from - 1])).hash as string);
  return lines.map((line, index) => {
    if (index < from) return line;
    const { block } = JSON.parse(String(line));
    if (index === from) change(block);
    const text = canonical({ ...block, height: index + 1, prev_hash: hash });
    hash = sha256Hex(text);
    return Buffer.from(`{"block":${text},"hash":"${hash}"}\n`);
  });
}

function rootOf(lines: readonly Buffer[]): Buffer {
  const mth = (leaves: Buffer[]): Buffer => {
    if (leaves.length < 2) return leaves[0] ?? Buffer.alloc(32);
    const half = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
    return nodeHash(mth(leaves.slice(0, half)), mth(leaves.slice(half)));
  };
  return mth(lines.map((line) => leafHash(line.subarray(9, -76))));
}

/** Lines with a right hash that readers understand in two ways, or that are no block. */
const FORGERIES: readonly ((text: string) => string | Buffer)[] = [
  (text) => text.replace('{"action"', '{"action":"evil","action"'),
  (text) => text.replace('{"action"', '{"__proto__":{"x":1},"action"'),
  (text) => text.replace('"pid":812', '"pid":812e0'),
  (text) => text.replace('"pid":812', '"pid":812.0'),
  (text) => text.replace('"pid":812', '"pid": 812'),
  (text) => text.replace('"pid":812', '"pid":-0'),
  (text) => text.replace('"pid":812', '"pid":4294967296'),
  (text) => text.replace('"pid":812', '"pid":true'),
  (text) => text.replace('boot-1', 'boot\\u002d1'),
  (text) => text.replace('boot-1', 'boot\\/1'),
  (text) => text.replace('boot-1', 'bööt'),
  (text) => text.replace('"user":"root"', '"user":""'),
  (text) => text.replace('"user":"root"', `"user":"${'é'.repeat(255)}"`),
  (text) => text.replace('"user":"root"', `"user":"${'é'.repeat(256)}"`),
  (text) => text.replace('"user":"root"', '"user":"\\ud800"'),
  (text) => text.replace('"user":"root"', '"user":"a\u007fb\u2028c"'),
  (text) => text.replace('"user":"root"', '"user":"\\u000a"'),
  (text) => text.replace('"user":"root"', '"user":"\\n\\u001f"'),
  (text) => text.replace('"user":"root"', '"user":"\\u001F"'),
  (text) => Buffer.from(text.replace('"user":"root"', '"user":"\u00ff"'), 'latin1'),
  (text) => text.replace('"version":1', '"version":2'),
  (text) => text.replace('"version":1', '"version":1,"zzz":1'),
  (text) => text.replace('"version":1', '"version":true'),
  (text) => text.replace(/"timestamp":"[^"]*"/, '"timestamp":"2026-02-30T00:00:00.000Z"'),
  (text) => text.replace(/"timestamp":"[^"]*"/, '"timestamp":"2024-02-29T23:59:59.999Z"'),
  (text) => text.replace(/"timestamp":"[^"]*"/, '"timestamp":"2026-01-01T24:00:00.000Z"'),
  (text) => text.replace(/"timestamp":"[^"]*"/, '"timestamp":"2026-01-01T00:00:60.000Z"'),
  (text) => text.replace(/"timestamp":"[^"]*"/, '"timestamp":"2026-1-01T00:00:00.000Z"'),
  (text) => text.replace(/"cause":(null|\d+)/, '"cause":0'),
  (text) => text.replace(/"cause":(null|\d+)/, '"cause":99999'),
  (text) => text.replace(/"cause":(null|\d+)/, '"cause":1.5'),
  (text) => text.replace(/"metadata":\{[^}]*\}/, '"metadata":{"a":1}'),
  (text) => text.replace(/"metadata":\{[^}]*\}/, '"metadata":{"b":"1","a":"2"}'),
  (text) => text.replace(/"metadata":\{[^}]*\}/, '"metadata":{"\ue000":"1","😀":"2"}'),
  (text) => text.replace(/"metadata":\{[^}]*\}/, '"metadata":{"😀":"2","\ue000":"1"}'),
  (text) => text.replace(/"metadata":\{[^}]*\}/, '"metadata":[]'),
  (text) => text.replace(/"category":"[a-z]*"/, '"category":"storage"'),
  (text) => text.replace(/"category":"[a-z]*"/, '"category":"nothing"'),
  ...[
    '1e-7',
    '1e-07',
    '0.000001',
    '1e-6',
    '1.5e-9',
    '123456789012345.6',
    '1.7976931348623157e+308',
    '5e-324',
    '0.1',
    '0.10',
    '9007199254740991',
    '9007199254740993',
    '1e21',
    '-0.5',
    '-0',
    '[NaN]',
    'Infinity',
    '1e400',
    '0.30000000000000004',
    '1E5',
    '01',
  ].map((number) => (text: string) => text.replace(/"data":\{/, `"data":{"a":${number},`)),
  ...[64, 65, 63].map(
    (levels) => (text: string) =>
      text.replace(/"data":.*,"height"/, `"data":${'['.repeat(levels)}${']'.repeat(levels)},"height"`),
  ),
  (text) => text.replace(/"data":.*,"height"/, `"data":"${'x'.repeat(65_000)}","height"`),
  (text) => text.replace(/"data":.*,"height"/, `"data":"${'x'.repeat(66_000)}","height"`),
];

const DAMAGES: Record<string, Damage> = {
  'a byte flipped': (files, roll) => {
    const path = anyFile(files, roll, /jsonl|gz/);
    const bytes = Buffer.from(files[path] ?? Buffer.alloc(0));
    const at = below(roll, bytes.length);
    if (bytes.length > 0) bytes[at] = (bytes[at] ?? 0) ^ (1 + below(roll, 255));
    return { ...files, [path]: bytes };
  },
  'a line dropped': (files, roll) =>
    withLines(files, lineFile(files, roll), (lines) => lines.toSpliced(below(roll, lines.length), 1)),
  'a line doubled': (files, roll) =>
    withLines(files, lineFile(files, roll), (lines) => {
      const at = below(roll, lines.length);
      return lines.toSpliced(at, 0, lines[at] ?? Buffer.alloc(0));
    }),
  'two lines swapped': (files, roll) =>
    withLines(files, lineFile(files, roll), (lines) => {
      const [a, b] = [below(roll, lines.length), below(roll, lines.length)];
      return lines.length === 0 ? lines : lines.with(a, lines[b] as Buffer).with(b, lines[a] as Buffer);
    }),
  'a line cut short': (files, roll) =>
    withLines(files, lineFile(files, roll), (lines) => {
      const at = below(roll, lines.length);
      const line = lines[at] ?? Buffer.from('\n');
      return lines.with(
        at % Math.max(1, lines.length),
        Buffer.concat([line.subarray(0, below(roll, line.length)), Buffer.from('\n')]),
      );
    }),
  'an end cut': (files, roll) => {
    const path = anyFile(files, roll, /jsonl|gz/);
    return {
      ...files,
      [path]: (files[path] as Buffer).subarray(0, below(roll, (files[path] as Buffer).length)),
    };
  },
  'whole lines cut off the end': (files, roll) =>
    withLines(files, anyFile(files, roll, /\.jsonl$/), (lines) => lines.slice(0, below(roll, lines.length))),
  emptied: (files) => ({ ...emptied(files), [ACTIVE]: Buffer.alloc(0) }),
  'cut before a block that declares a key': (files, roll, base) => {
    const lines = splitLines(flattened([base], files)[ACTIVE] as Buffer);
    const declaring = lines.flatMap((line, at) =>
      /"ledger_(?:key_rotated|epoch_begun)"/.test(String(line)) ? [at] : [],
    );
    return { ...emptied(files), [ACTIVE]: Buffer.concat(lines.slice(0, pick(roll, declaring))) };
  },
  'emptied, with checkpoints of a stranger': (files, roll) => {
    const stranger = newSigner(originOf(files));
    const forged = Buffer.from(
      `${JSON.stringify({ at: '2026-11-30T00:00:00.000Z', note: signNote(checkpointText({ origin: stranger.verifier.name, size: 1 + below(roll, 40), root: rootOf([Buffer.alloc(100)]) }), [stranger]) })}\n`,
    );
    const notes = pick(roll, [forged, Buffer.concat([files[CHECKPOINTS] ?? Buffer.alloc(0), forged])]);
    const named = Buffer.from(
      `${JSON.stringify({ key: verifierText(stranger.verifier), from: below(roll, 40) })}\n`,
    );
    const before = files[KEYS] ?? Buffer.alloc(0);
    const keys = pick(roll, [before, named, Buffer.concat([before, named]), Buffer.concat([named, before])]);
    const blocks = pick(roll, [files, { ...emptied(files), [ACTIVE]: Buffer.alloc(0) }]);
    return { ...blocks, [CHECKPOINTS]: notes, [KEYS]: keys };
  },
  'public keys missing': ({ [KEYS]: _, ...files }) => files,
  'rubbish at an end': (files, roll) => {
    const path = anyFile(files, roll, /jsonl|gz/);
    return {
      ...files,
      [path]: Buffer.concat([
        files[path] as Buffer,
        pick(roll, [Buffer.from('{"block'), Buffer.from('x\n'), Buffer.from('\n'), Buffer.alloc(300)]),
      ]),
    };
  },
  'a file missing': (files, roll) => {
    const { [anyFile(files, roll, /jsonl|gz/)]: _, ...rest } = files;
    return rest;
  },
  'a segment packed otherwise': (files, roll) => {
    const path = anyFile(files, roll, /segments|ledger\.jsonl$/);
    return path.endsWith('.gz') ? { ...files, [path]: gzipSync(Buffer.from('x\n')) } : files;
  },
  'nothing at all': (files) => files,
  'blocks written anew': (files, roll, base) => {
    const plain = flattened([base], files);
    return withLines(plain, ACTIVE, (lines) =>
      relinked(lines, below(roll, lines.length), (block) => Object.assign(block, { user: 'mallory' })),
    );
  },
  'a forged line with a right hash': (files, roll) =>
    withLines(files, ACTIVE, (lines) => {
      const at = lines.length - 1;
      const text = String(lines[at]).slice(9, -76);
      const forged = Buffer.from(pick(roll, FORGERIES)(text) as string);
      return lines.with(
        at,
        Buffer.concat([
          Buffer.from('{"block":'),
          forged,
          Buffer.from(`,"hash":"${sha256Hex(forged as never)}"}\n`),
        ]),
      );
    }),
  'a checkpoint signed by another key': (files, roll, { signers }) =>
    resigned(files, roll, [pick(roll, [...signers, newSigner('mallory')])]),
  'a checkpoint with a forged root': (files, roll, { signers }) =>
    resigned(files, roll, signers, { root: true }),
  'a checkpoint of another size': (files, roll, { signers }) =>
    resigned(files, roll, signers, { size: true }),
  'a checkpoint of another origin': (files, roll, { signers }) =>
    resigned(files, roll, signers, { origin: true }),
  'another heartbeat': (files, roll) =>
    withLines(files, ACTIVE, (lines) => {
      const at = lines.findLastIndex((line) => line.includes('"ledger_heartbeat"'));
      if (at < 0 || Object.keys(files).some((path) => path.includes('segments'))) return lines;
      return relinked(lines, at, (block) =>
        Object.assign(
          block.data as object,
          pick(roll, [{ beat: 7 }, { mono_s: 90_000 }, { every_s: 1 }, { beat: 2 }]),
        ),
      );
    }),
};

const emptied = (files: Files): Files =>
  Object.fromEntries(Object.entries(files).filter(([path]) => !/segments|tree$/.test(path)));

const originOf = (files: Files) =>
  (JSON.parse(String(splitLines(files[CHECKPOINTS] as Buffer)[0])) as { note: string }).note.split('\n')[0] ??
  '';

/** What one damage has left may be too little for a second one. */
async function damaged(files: Files, kind: string, roll: Dice, base: Base): Promise<Files> {
  try {
    return await (DAMAGES[kind] as Damage)(files, roll, base);
  } catch {
    return files;
  }
}

function resigned(
  files: Files,
  roll: Dice,
  signers: readonly Signer[],
  forge: { root?: true; size?: true; origin?: true } = {},
): Files {
  if (!files[CHECKPOINTS]) return files;
  return withLines(files, CHECKPOINTS, (notes) => {
    const at = below(roll, notes.length);
    const kept = JSON.parse(String(notes[at])) as { at: string; note: string };
    const [origin = '', size = '', root = ''] = kept.note.split('\n');
    const text = checkpointText({
      origin: forge.origin
        ? pick(roll, [`${origin}x`, origin.replace(/\/e\d$/, ''), `${origin}/e2`])
        : origin,
      size: forge.size ? Math.max(0, Number(size) + pick(roll, [-3, -2, -1, 1, 2, 5, 50])) : Number(size),
      root: forge.root ? rootOf([Buffer.alloc(100)]) : Buffer.from(root, 'base64'),
    });
    const note = signNote(text, roll() < 0.5 ? [pick(roll, signers)] : signers);
    const line = Buffer.from(`${JSON.stringify({ ...kept, note })}\n`);
    return roll() < 0.7 ? notes.with(at, line) : [...notes, line];
  });
}

let dir: string;
let bases: Base[];
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'opa-second-'));
  bases = await makeBases();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const DRIVER = `
import importlib.util, sys
spec = importlib.util.spec_from_file_location("second", sys.argv[1])
second = importlib.util.module_from_spec(spec)
spec.loader.exec_module(second)
for line in sys.stdin: print(*second.verify(line.rstrip("\\n"), [], [], None, None))`;

import { signing } from './signing.ts';

/** What the script says of each, in its words. */
async function second(paths: readonly string[]): Promise<string[]> {
  const run = spawn('python3', ['-c', DRIVER, SCRIPT]);
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  run.stdout.on('data', (piece: Buffer) => out.push(piece));
  run.stderr.on('data', (piece: Buffer) => err.push(piece));
  run.stdin.end(paths.join('\n'));
  await once(run, 'close');
  expect(Buffer.concat(err).toString()).toBe('');
  return Buffer.concat(out).toString().trimEnd().split('\n');
}

/** What ours says of each: the verdict, and where. Some at a time, as there are only so many descriptors. */
async function judged(paths: readonly string[]): Promise<[verdict: string, where: string][]> {
  const found: [string, string][] = [];
  for (let at = 0; at < paths.length; at += 16)
    found.push(...(await Promise.all(paths.slice(at, at + 16).map(ours))));
  return found;
}

async function ours(path: string): Promise<[verdict: string, where: string]> {
  try {
    const { verdict, fault } = await verifyEvidence(path, { now: Date.now });
    return [verdict, JSON.stringify(fault) ?? ''];
  } catch (error) {
    return ['unreadable', String(error)];
  }
}

describe('the second verifier', () => {
  it('has fewer than 150 lines and needs nothing but the standard library', () => {
    const lines = readFileSync(SCRIPT, 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeLessThan(150);
  });

  it('demands what it is told to, and ends with the exit code of its verdict', () => {
    const { files, signers } = bases[0] as Base;
    const witness = newSigner('witness.example');
    const place = join(dir, 'demands');
    const notes = splitLines(files[CHECKPOINTS] as Buffer).map(
      (line) => JSON.parse(String(line)) as { at: string; note: string },
    );
    const newest = notes.at(-1) ?? { at: '', note: '' };
    const [text = ''] = newest.note.split('\n\n');
    const cosigned = { ...newest, note: newest.note + cosign(`${text}\n`, witness, 1_764_500_000) };
    write(place, {
      ...files,
      [CHECKPOINTS]: Buffer.concat([
        files[CHECKPOINTS] as Buffer,
        Buffer.from(`${JSON.stringify(cosigned)}\n`),
      ]),
    });
    const run = (...options: string[]) => {
      const { stdout, status, stderr } = spawnSync('python3', [SCRIPT, join(place, ACTIVE), ...options], {
        encoding: 'utf8',
      });
      expect(stderr).toBe('');
      return [stdout.split(':')[0], status];
    };
    const key = ({ verifier }: Signer) => verifierText(verifier);
    const { block, hash } = JSON.parse(String(splitLines(files[ACTIVE] as Buffer)[3]));
    expect(run()).toEqual(['ok', 0]);
    expect(run('--key', key(signers[1] as Signer))).toEqual(['ok', 0]);
    expect(run('--key', key(newSigner('mallory')))).toEqual(['bad-signature', 21]);
    expect(run('--witness', key(witness))).toEqual(['ok', 0]);
    expect(run('--witness', key(newSigner('witness.example')))).toEqual(['unanchored', 10]);
    expect(run('--head', `${block.height}:${hash}`)).toEqual(['ok', 0]);
    expect(run('--head', `${block.height}:${'ab'.repeat(32)}`)).toEqual(['diverged', 22]);
    expect(run('--head', `999:${hash}`)).toEqual(['diverged', 22]);
    expect(run('--max-age', '86400')).toEqual(['ok', 0]);
    expect(run('--max-age', '0.0001')).toEqual(['gap', 23]);
    rmSync(join(place, ACTIVE));
    mkdirSync(join(place, ACTIVE));
    expect(run()).toEqual(['unreadable', 30]);
  });

  it('says the same of every forged line with a right hash', async () => {
    const files = FORGERIES.flatMap((forge, n) =>
      bases.slice(0, 2).map(({ files: { [ACTIVE]: bytes = Buffer.alloc(0) } }, m) => {
        const lines = splitLines(bytes);
        const forged = Buffer.from(forge(String(lines.at(-1)).slice(9, -76)) as string);
        const line = Buffer.concat([
          Buffer.from('{"block":'),
          forged,
          Buffer.from(`,"hash":"${sha256Hex(forged as never)}"}\n`),
        ]);
        const path = join(dir, `forged-${n}-${m}.jsonl`);
        writeFileSync(path, Buffer.concat([...lines.slice(0, -1), line]));
        return path;
      }),
    );
    const words = (await second(files)).map((said) => said.split(' ')[0]);
    expect(words).toEqual((await judged(files)).map(([verdict]) => verdict));
    expect(new Set(words)).toEqual(new Set(['broken', 'unanchored']));
  });

  it('never takes what it cannot look at for nothing, and waits for no pipe', {
    timeout: 240_000,
  }, async () => {
    const { files = {} } = bases.find(({ name }) => name === 'one epoch, two keys, in segments') ?? {};
    const segments = 'ledger.d/segments';
    const sealed = Object.keys(files).find((path) => path.startsWith(segments)) ?? '';
    const kinds: Record<string, (path: string) => void> = {
      directory: (path) => mkdirSync(path),
      'link to nothing': (path) => symlinkSync('/nowhere/at/all', path),
      file: (path) => writeFileSync(path, ''),
      loop: (path) => symlinkSync(path, path),
      pipe: (path) => expect(spawnSync('mkfifo', [path]).status).toBe(0),
    };
    for (const at of ['ledger.d', segments, sealed, CHECKPOINTS, KEYS, ACTIVE])
      for (const [kind, make] of Object.entries(kinds)) {
        const isFolder = at === 'ledger.d' || at === segments;
        if (kind === (isFolder ? 'directory' : 'file')) continue;
        const place = join(dir, `odd-${at.replaceAll('/', '-')}-${kind}`);
        write(place, files);
        rmSync(join(place, at), { recursive: true });
        make(join(place, at));
        const path = join(place, ACTIVE);
        const { status, stdout } = spawnSync('python3', [SCRIPT, path], {
          encoding: 'utf8',
          timeout: 20_000,
        });
        expect({ at, kind, status, stdout }).toMatchObject({
          status: 30,
          stdout: expect.stringMatching(/^unreadable/),
        });
        await expect(verifyEvidence(path, { now: Date.now }), `${at}: ${kind}`).rejects.toThrow();
        expect({ at, kind, code: (await cli(['ledger', 'verify', path])).code }).toEqual({
          at,
          kind,
          code: 30,
        });
      }
  });

  it('takes for a key beside the ledger what the agent takes for one, and passes over the rest', {
    timeout: 120_000,
  }, async () => {
    const { files = {} } = bases[0] ?? {};
    const origin = originOf(files);
    const keys = String(files[KEYS]).trim().split('\n');
    const { key: last, from } = JSON.parse(keys.at(-1) ?? '') as { key: string; from: number };
    const bare = (raw: Buffer, type: 1 | 4) => {
      const id = sha256Hex(Buffer.concat([Buffer.from(`${origin}\n`), Buffer.of(type), raw])).slice(0, 8);
      return `${origin}+${id}+${Buffer.concat([Buffer.of(type), raw]).toString('base64')}`;
    };
    const raw = Buffer.from(last.split('+').slice(2).join('+'), 'base64').subarray(1);
    const also = (...lines: string[]) => [...keys, ...lines];
    const cases: Record<string, { named: string[]; word: string }> = {
      'as they are': { named: keys, word: 'diverged' },
      none: { named: [], word: 'bad-signature' },
      'the last twice': { named: also(keys.at(-1) ?? ''), word: 'diverged' },
      "a witness's": { named: also(JSON.stringify({ key: bare(raw, 4), from })), word: 'diverged' },
      'of another name': {
        named: also(JSON.stringify({ key: verifierText(newSigner('x').verifier), from })),
        word: 'diverged',
      },
      'no point of the curve': {
        named: also(JSON.stringify({ key: bare(Buffer.alloc(32, 0xe0), 1), from })),
        word: 'bad-signature',
      },
      "another's, from then on": {
        named: also(JSON.stringify({ key: verifierText(newSigner(origin).verifier), from })),
        word: 'bad-signature',
      },
      'no line at all': { named: also('', '{}', 'null', '[1]', '"x"', '{"from":1}'), word: 'diverged' },
    };
    const whole = ['1', '1.0', '1e0', '-0', '0'];
    const none = ['1.5', '-1', '"1"', 'true', 'null', '1e400', 'NaN', '9007199254740992'];
    for (const text of [...whole, ...none])
      cases[`from ${text}`] = {
        named: [`{"key":"${last}","from":${text}}`],
        word: whole.includes(text) ? 'diverged' : 'bad-signature',
      };
    const paths = Object.values(cases).map(({ named }, index) => {
      const place = join(dir, `named-${index}`);
      write(place, {
        ...emptied(files),
        [ACTIVE]: Buffer.alloc(0),
        [KEYS]: Buffer.from(named.map((line) => `${line}\n`).join('')),
        [CHECKPOINTS]: splitLines(files[CHECKPOINTS] as Buffer).at(-1) as Buffer,
      });
      return join(place, ACTIVE);
    });
    const theirs = (await second(paths)).map((said) => said.split(' ')[0]);
    const own = (await judged(paths)).map(([verdict]) => verdict);
    expect(Object.keys(cases).map((what, index) => [what, own[index], theirs[index]])).toEqual(
      Object.entries(cases).map(([what, { word }]) => [what, word, word]),
    );
  });

  it('says with the command line of a ledger whose file is gone what its folder says', async () => {
    for (const [name, wanted] of [
      ['one epoch, two keys', 30],
      ['one epoch, two keys, in segments', 22],
    ] as const) {
      const place = join(dir, `gone-${wanted}`);
      write(place, bases.find((base) => base.name === name)?.files ?? {});
      const path = join(place, ACTIVE);
      rmSync(path);
      const { status } = spawnSync('python3', [SCRIPT, path], { timeout: 20_000 });
      expect([name, status, (await cli(['ledger', 'verify', path])).code]).toEqual([name, wanted, wanted]);
    }
  });

  it('says of a line without an end that it is too long, and keeps no more than a line of it', () => {
    const place = join(dir, 'endless');
    write(place, { [ACTIVE]: Buffer.alloc(0) });
    truncateSync(join(place, ACTIVE), 2 ** 33);
    const limited = 'ulimit -v 1000000; exec python3 "$@"';
    const { status } = spawnSync('sh', ['-c', limited, 'sh', SCRIPT, join(place, ACTIVE)], {
      timeout: 60_000,
    });
    expect(status).toBe(20);
  });

  it(`says the same of ${COUNT} damaged ledgers`, { timeout: 1_200_000 }, async () => {
    const roll = dice(SEED);
    const seen = new Map<string, number>();
    const apart: string[] = [];
    for (let done = 0; done < COUNT; done += BATCH) {
      const cases: { path: string; what: string }[] = [];
      for (let n = 0; n < Math.min(BATCH, COUNT - done); n++) {
        const base = pick(roll, bases);
        const kinds = Array.from({ length: roll() < 0.8 ? 1 : 2 }, () => pick(roll, Object.keys(DAMAGES)));
        let files = base.files;
        for (const kind of kinds) files = await damaged(files, kind, roll, base);
        const place = join(dir, `${n}`);
        write(place, files);
        cases.push({
          path: join(place, ACTIVE),
          what: `seed ${SEED}, case ${done + n}: ${base.name}: ${kinds.join(', ')}`,
        });
      }
      const [theirs, found] = await Promise.all([
        second(cases.map(({ path }) => path)),
        judged(cases.map(({ path }) => path)),
      ]);
      for (const [index, { path, what }] of cases.entries()) {
        const [verdict = ''] = found[index] ?? [];
        const [other = ''] = (theirs[index] ?? '').split(' ');
        seen.set(verdict, (seen.get(verdict) ?? 0) + 1);
        if (other === verdict) continue;
        apart.push(`${what}: ours ${found[index]?.join(' ')}, second ${theirs[index]}`);
        if (process.env.OPA_KEEP) write(join(process.env.OPA_KEEP, `${done + index}`), read(dirname(path)));
      }
      for (let n = 0; n < BATCH; n++) rmSync(join(dir, `${n}`), { recursive: true, force: true });
    }
    expect(apart.slice(0, 20)).toEqual([]);
    // Each verdict was met, so each was compared.
    const met = ['ok', 'unanchored', 'torn-tail', 'broken', 'bad-signature', 'diverged', 'gap', 'unreadable'];
    expect([...seen.keys()].sort()).toEqual(met.sort());
  });
});
