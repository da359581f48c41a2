// The verbs about witnesses: what the files say, as text and as JSON.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newWitnessState, saveWitness } from '../../../src/witness/client/witness-state.ts';
import { openWitnessIdentity } from '../../../src/witness/key.ts';
import { cli, NOW, today } from './fake.ts';

let folder: string;
let ledger: string;
let witnessDir: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'witness-'));
  [ledger, witnessDir] = [join(folder, 'ledger.jsonl'), join(folder, 'own')];
  await mkdir(join(folder, 'ledger.d/witness'), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const sign = (size: number) =>
  writeFile(
    join(folder, 'ledger.d/signed.json'),
    JSON.stringify({
      origin: 'pve1/ledger',
      epoch: 1,
      machine: 'm',
      size,
      root: 'a'.repeat(64),
      at: today(9, 30, 0),
    }),
  );
const keep = (name: string, more: object) =>
  saveWitness(join(folder, 'ledger.d/witness'), {
    ...newWitnessState(`${name}+key`, name, null),
    ...{ origin: 'pve1/ledger', size: 40, cosigned_at: today(9, 30, 0), first_asked_at: today(8, 0, 0) },
    ...more,
  });

describe('ledger witness status', () => {
  it('says that nobody is shown the ledger', async () => {
    const { code, out } = await cli(['ledger', 'witness', 'status'], { ledger });
    expect(code).toBe(0);
    expect(out.join('\n')).toMatch(/has no checkpoint yet\.\nNobody is shown it/);
  });

  it('says who has seen what, and what is wrong', async () => {
    await sign(42);
    await keep('pve2/cluster', {});
    const problem = { kind: 'forked', text: 'it is another\u001b[31m', since: today(9, 0, 0) };
    await keep('pve3/cluster', { problem, origin: 'pve1/ledger/e1' });
    const { code, out } = await cli(['ledger', 'witness', 'status'], { ledger });
    expect(code).toBe(1);
    const text = out.join('\n');
    expect(text).toContain('This ledger, pve1/ledger, is signed to height 42.');
    expect(text).toMatch(/^pve2\/cluster {2}cluster {2}40 +40 s {2}-$/m);
    expect(text).toMatch(/^pve3\/cluster {2}cluster {2}40 \(before\) {2}40 s {2}it is another/m);
    expect(text).toMatch(/^Wrong: the witness pve3\/cluster does not cosign this ledger/m);
    expect(text).not.toContain('\u001b');
  });

  it('has no age for what a clock that was wrong says', async () => {
    await sign(42);
    const [year, ...rest] = today(9, 30, 0).split('-');
    await keep('pve2/cluster', { cosigned_at: [Number(year) + 1, ...rest].join('-') });
    const { out } = await cli(['ledger', 'witness', 'status'], { ledger });
    expect(out.join('\n')).toMatch(/^pve2\/cluster {2}cluster {2}40 +ahead {2}-$/m);
  });

  it('says what this host has seen of others, and all of it as JSON', async () => {
    await sign(42);
    await keep('pve2/cluster', {});
    const { seen } = await openWitnessIdentity(witnessDir, 'own');
    await seen.keep({
      origin: 'other/ledger',
      size: 7,
      root: Buffer.alloc(32, 1),
      at: today(8, 30, 40),
      note: 'n',
    });
    const shown = await cli(['ledger', 'witness', 'status'], { ledger, witnessDir });
    expect(shown.out.join('\n')).toMatch(/cosigned:\nLEDGER +SEEN {2}AGE\nother\/ledger {2}7 +60 min/);
    const { out, code } = await cli(['ledger', 'witness', 'status', '--json'], { ledger, witnessDir });
    expect(code).toBe(0);
    expect(JSON.parse(out.join('\n'))).toMatchObject({
      ledger: { origin: 'pve1/ledger', size: 42 },
      witnesses: [{ name: 'pve2/cluster', size: 40, problem: null }],
      seen: [{ origin: 'other/ledger', size: 7, root: '01'.repeat(32), at: today(8, 30, 40) }],
      health: [],
    });
    expect(NOW.toISOString()).toBe(today(9, 30, 40));
  });

  it('is not well when what it has seen cannot be read', async () => {
    await openWitnessIdentity(witnessDir, 'own');
    await writeFile(join(witnessDir, 'seen', `${'a'.repeat(64)}.json`), '{}');
    const { code, err } = await cli(['ledger', 'witness', 'status'], { ledger, witnessDir });
    expect([code, err.join('')]).toEqual([1, expect.stringContaining('[witness-state-unusable]')]);
  });
});

describe('ledger witness trust', () => {
  it('forgets the keys of a node that is known, and says so of another', async () => {
    const cluster = join(folder, 'ledger.d/witness/cluster');
    await mkdir(cluster);
    const pin = { log: 'l', cosigner: 'c', since: today(8, 0, 0) };
    await writeFile(join(cluster, 'keys.json'), JSON.stringify({ pve2: pin, pve3: pin }));
    const trust = (node: string) => cli(['ledger', 'witness', 'trust', node], { ledger });
    expect((await trust('pve9')).code).toBe(1);
    expect((await trust('../x')).code).toBe(2);
    expect((await trust('pve2')).out).toEqual([expect.stringContaining('pve2 are forgotten')]);
    expect(JSON.parse(await readFile(join(cluster, 'keys.json'), 'utf8'))).toEqual({ pve3: pin });
  });
});

describe('ledger witness publish', () => {
  it('copies what there is to where all nodes see it, and nothing where there is no cluster', async () => {
    const [out, pve] = [join(folder, 'ledger.d/witness/cluster/out'), join(folder, 'pve')];
    const publish = () =>
      cli(['ledger', 'witness', 'publish', '--json'], { ledger, proxmox: `root = "${pve}"` });
    await mkdir(out, { recursive: true });
    await writeFile(join(out, 'pve1.checkpoint'), 'note');
    await writeFile(join(out, 'pve1.checkpoint.tmp-1'), 'half');
    expect(await publish()).toMatchObject({
      code: 3,
      err: [expect.stringContaining('[proxmox-unavailable]')],
    });
    await mkdir(join(pve, 'nodes'), { recursive: true });
    expect((await publish()).out.join('')).toContain('"written": 1');
    expect((await publish()).out.join('')).toContain('"written": 0');
    expect(await readdir(join(pve, 'ovs-port-agent/ledger'))).toEqual(['pve1.checkpoint']);
  });
});

describe('ledger witness key', () => {
  it('prints the key in the form that is asked for', async () => {
    expect((await cli(['ledger', 'witness', 'key'], { witnessDir })).code).toBe(1);
    const { signer } = await openWitnessIdentity(witnessDir, 'own');
    const key = async (...args: string[]) =>
      (await cli(['ledger', 'witness', 'key', ...args], { witnessDir })).out.join('\n');
    expect(await key()).toMatch(/^own\+[0-9a-f]{8}\+B/);
    expect(await key('--format', 'hex')).toBe(signer.verifier.raw.toString('hex'));
    expect(await key('--format', 'openssh')).toMatch(/^ssh-ed25519 AAAA.* own$/);
    expect(JSON.parse(await key('--json'))).toEqual({ name: 'own', key: await key() });
    expect((await cli(['ledger', 'witness', 'key', '--format', 'x'], { witnessDir })).code).toBe(2);
  });
});
