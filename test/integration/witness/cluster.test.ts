// Three nodes and the folder that all of them see: whose ledger is cosigned by whom, and what is found out.

import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkpointText } from '../../../src/core/ledger/note/checkpoint.ts';
import { newSigner, verifierText } from '../../../src/core/ledger/note/keys.ts';
import { signNote } from '../../../src/core/ledger/note/signed-note.ts';
import type { Clocks } from '../../../src/core/lib/moment.ts';
import { witnessFaults } from '../../../src/diagnose/witness-faults.ts';
import { readWitnesses } from '../../../src/witness/client/witness-state.ts';
import { type Cluster, openCluster, outFolder } from '../../../src/witness/cluster/exchange.ts';
import { trustNode } from '../../../src/witness/cluster/pins.ts';
import { publishOut } from '../../../src/witness/cluster/publish.ts';
import { sharedFolder } from '../../../src/witness/cluster/published.ts';
import { type MemoryLog, memoryLog } from '../../unit/witness/memory-log.ts';

const SOON = { timeout: 20_000, interval: 20 };

interface Node {
  name: string;
  log: MemoryLog;
  cluster: Cluster;
  told: (string | undefined)[];
  directory: string;
}

let base: string;
let pve: string;
const open: Cluster[] = [];

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'cluster-'));
  pve = join(base, 'pve');
  await mkdir(join(pve, 'nodes'), { recursive: true });
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
  await rm(base, { recursive: true, force: true });
});

async function node(
  name: string,
  log = memoryLog(`${name}/ledger`),
  clocks: Clocks = { now: Date.now, steady: () => performance.now() },
): Promise<Node> {
  const directory = join(base, name);
  const told: (string | undefined)[] = [];
  await mkdir(join(directory, 'asked'), { recursive: true });
  const cluster = await openCluster({
    ...{ log, node: name, keyName: `${name}/cluster`, directory, asked: join(directory, 'asked') },
    ownKeys: async () => [verifierText(log.signer.verifier)],
    shared: sharedFolder(pve),
    publish: async () => void (await publishOut(outFolder(directory), pve)),
    ...clocks,
    everyMs: 10,
    publishMs: 0,
    onTold: (who, text) => told.push(text && `${who}: ${text}`),
    onError: (error) => told.push(String(error)),
  });
  open.push(cluster);
  return { name, log, cluster, told, directory };
}

const end = async ({ cluster }: Node) => {
  open.splice(open.indexOf(cluster), 1);
  await cluster.close();
};
const sizes = ({ cluster }: Node) =>
  Object.fromEntries(cluster.states().map(({ name, size }) => [name, size]));

describe('nodes of a cluster', () => {
  it("cosign each other's ledgers as they grow", async () => {
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => node(name)));
    if (!a || !b || !c) throw new Error('no nodes');
    for (const count of [3, 5, 40]) {
      const { size } = a.log.grow(count);
      b.log.grow(1);
      await expect.poll(() => sizes(a), SOON).toEqual({ 'b/cluster': size, 'c/cluster': size });
    }
    await expect.poll(() => sizes(b), SOON).toMatchObject({ 'a/cluster': 3, 'c/cluster': 3 });
    expect(a.log.cosignatures.length).toBeGreaterThanOrEqual(6);
    expect([a, b, c].flatMap(({ told }) => told)).toEqual([]);
    expect((await readWitnesses(join(a.directory, 'asked'))).map(({ name }) => name).sort()).toEqual([
      'b/cluster',
      'c/cluster',
    ]);
    expect((await readdir(sharedFolder(pve))).sort()).toEqual(
      // No ledger of c was signed yet: it is a witness alone.
      ['a', 'b']
        .flatMap((name) => ['checkpoint', 'cosigned', 'proofs'].map((kind) => `${name}.${kind}`))
        .concat('c.cosigned'),
    );
  });

  it('go on with each other when the clock of one is set back by a day, and take nobody for silent', async () => {
    let said = 0;
    const clocks = { now: () => Date.now() + said, steady: () => performance.now() };
    const [a, b] = [await node('a', undefined, clocks), await node('b')];
    for (const jump of [-86_400_000, 365 * 86_400_000, 0]) {
      const { size } = a.log.grow(2);
      b.log.grow(2);
      await expect.poll(() => sizes(a), SOON).toEqual({ 'b/cluster': size });
      await expect.poll(() => sizes(b), SOON).toEqual({ 'a/cluster': size });
      said = jump;
      const states = a.cluster.states();
      expect([jump, witnessFaults({ states, everySeconds: 3600 }, clocks.now())]).toEqual([jump, []]);
    }
    expect([...a.told, ...b.told]).toEqual([]);
  });

  it('find out one that was set back, and so does the node itself', async () => {
    const [a, b] = [await node('a'), await node('b')];
    a.log.grow(50);
    await expect.poll(() => sizes(a), SOON).toEqual({ 'b/cluster': 50 });
    a.log.rollBack(30);
    await expect.poll(() => a.log.ahead, SOON).toContainEqual(['b', 50]);
    await expect
      .poll(() => b.told, SOON)
      .toContainEqual('a: it shows 30 blocks of its ledger, and has shown 50: it was set back');
    expect(b.cluster.problems()).toEqual([{ node: 'a', text: expect.stringContaining('set back') }]);
  });

  it('find out one that was written anew and has grown further', async () => {
    const [a, b] = [await node('a'), await node('b')];
    a.log.grow(50);
    await expect.poll(() => sizes(a), SOON).toEqual({ 'b/cluster': 50 });
    await end(a);
    a.log.rollBack(30);
    a.log.grow(60);
    const anew = await node('a', a.log);
    await expect.poll(() => anew.cluster.states()[0]?.problem, SOON).toMatchObject({ kind: 'forked' });
    expect(sizes(anew)).toEqual({ 'b/cluster': 50 });
    expect(anew.log.ahead).toEqual([]);
    expect(b.cluster.states()).toBeDefined();
  });

  it("take no other key for a node's than the first, until somebody says so", async () => {
    const [a, b] = [await node('a'), await node('b')];
    a.log.grow(5);
    await expect.poll(() => sizes(a), SOON).toEqual({ 'b/cluster': 5 });
    await end(a);
    const other = memoryLog('a/ledger/e2', newSigner('a/ledger/e2'));
    other.grow(9);
    const anew = await node('a', other);
    const CHANGED = 'the key of its ledger is another one than before';
    await expect.poll(() => b.told, SOON).toContainEqual(`a: ${CHANGED}`);
    expect(b.cluster.problems()).toEqual([{ node: 'a', text: CHANGED }]);
    expect(other.cosignatures).toEqual([]);
    await trustNode(b.directory, 'a');
    await expect.poll(() => sizes(anew), SOON).toEqual({ 'b/cluster': 9 });
    await expect.poll(() => b.told.at(-1), SOON).toBe(undefined);
  });

  it('tell of one that goes on under a new name, which both keys have signed, and cosign it', async () => {
    const [a, b] = [await node('a'), await node('b')];
    a.log.grow(9);
    await expect.poll(() => sizes(a), SOON).toEqual({ 'b/cluster': 9 });
    await end(a);
    const own = memoryLog('a/ledger/e2', newSigner('a/ledger/e2'));
    own.grow(4);
    const newest = () => {
      const { size, root } = own.at(4);
      const text = checkpointText({ origin: 'a/ledger/e2', size, root });
      return { size, root, note: signNote(text, [own.signer, a.log.signer]) };
    };
    const anew = await node('a', { ...own, newest });
    await expect
      .poll(() => b.told, SOON)
      .toContainEqual(
        'a: it goes on as a/ledger/e2 with 4 blocks, and has shown 9 as a/ledger: it was set back, copied or renamed',
      );
    await expect.poll(() => sizes(anew), SOON).toEqual({ 'b/cluster': 4 });
  });

  it('believe no cosignature, and no loss, that somebody wrote into the file', async () => {
    const [a, b] = [await node('a'), await node('b')];
    a.log.grow(5);
    await expect.poll(() => sizes(a), SOON).toEqual({ 'b/cluster': 5 });
    await end(b);
    const file = join(sharedFolder(pve), 'b.cosigned');
    const real = JSON.parse(await readFile(file, 'utf8')) as { notes: string[] };
    // A larger ledger of that name, which another key has signed.
    const forged = memoryLog('a/ledger', newSigner('a/ledger'));
    for (const notes of [
      [forged.grow(90).note],
      ['x'],
      real.notes.map((note) => note.replace('\n5\n', '\n95\n')),
    ]) {
      await writeFile(file, JSON.stringify({ ...real, notes }));
      a.log.grow(1);
      const seen = await readFile(join(sharedFolder(pve), 'a.checkpoint'), 'utf8');
      await expect
        .poll(() => readFile(join(sharedFolder(pve), 'a.checkpoint'), 'utf8'), SOON)
        .not.toBe(seen)
        .catch(() => undefined);
    }
    await writeFile(file, '{');
    a.log.grow(1);
    await expect
      .poll(() => readFile(join(sharedFolder(pve), 'a.checkpoint'), 'utf8'), SOON)
      .toContain('\n9\n');
    expect(a.log.ahead).toEqual([]);
    expect(sizes(a)).toEqual({ 'b/cluster': 5 });
  });

  it('tell of a copy of a node, and do not take its ledger for the first one', async () => {
    const [a, b] = [await node('a'), await node('b')];
    a.log.grow(5);
    await expect.poll(() => sizes(a), SOON).toEqual({ 'b/cluster': 5 });
    const copy = memoryLog('a/ledger', a.log.signer);
    copy.grow(30);
    const c = await node('c', copy);
    await expect
      .poll(() => b.cluster.problems(), SOON)
      .toEqual([{ node: 'c', text: expect.stringContaining('has the name of the one of a') }]);
    await expect
      .poll(() => a.cluster.problems(), SOON)
      .toEqual([{ node: 'c', text: expect.stringContaining('name of this one') }]);
    a.log.grow(1);
    await expect.poll(() => sizes(a)['b/cluster'], SOON).toBe(6);
    expect(sizes(c)['b/cluster']).not.toBe(30);
  });

  it('are not kept from it by what somebody else wrote there', async () => {
    const [a, b] = [await node('a'), await node('b')];
    a.log.grow(5);
    await expect.poll(() => sizes(a), SOON).toEqual({ 'b/cluster': 5 });
    const shared = sharedFolder(pve);
    const key = verifierText(newSigner('x').verifier);
    await writeFile(join(shared, 'x.checkpoint'), signNote('only\n', [a.log.signer]));
    await writeFile(join(shared, 'x.proofs'), JSON.stringify({ version: 1, key, size: 1, from: [] }));
    await writeFile(join(shared, 'x.cosigned'), JSON.stringify({ version: 1, key: 'no key', notes: ['x'] }));
    await writeFile(join(shared, 'y.checkpoint'), a.log.grow(2).note);
    await writeFile(join(shared, 'y.proofs'), JSON.stringify({ version: 1, key, size: 7, from: [] }));
    await writeFile(join(shared, '..evil.proofs'), '{');
    await mkdir(join(shared, 'z.checkpoint'));
    await writeFile(join(shared, 'w.cosigned'), 'x'.repeat(300_000));
    a.log.grow(3);
    await expect.poll(() => sizes(a)['b/cluster'], SOON).toBe(10);
    await expect.poll(() => b.cluster.problems().map(({ node }) => node), SOON).toEqual(['x', 'y']);
    expect(a.log.ahead).toEqual([]);
  });

  it('wait while the file system is away or cannot be written, and go on', async () => {
    const [a, b] = [await node('a'), await node('b')];
    a.log.grow(5);
    await expect.poll(() => sizes(a), SOON).toEqual({ 'b/cluster': 5 });
    await cp(pve, `${pve}-kept`, { recursive: true });
    await rm(pve, { recursive: true });
    a.log.grow(5);
    await expect.poll(() => b.told.length + a.told.length, SOON).toBeGreaterThan(0);
    expect(sizes(a)).toEqual({ 'b/cluster': 5 });
    await cp(`${pve}-kept`, pve, { recursive: true });
    a.log.grow(5);
    await expect.poll(() => sizes(a), SOON).toEqual({ 'b/cluster': 15 });
  });
});

it('is not written where there is no cluster', async () => {
  await rm(join(pve, 'nodes'), { recursive: true });
  await mkdir(join(base, 'out'));
  await expect(publishOut(join(base, 'out'), pve)).rejects.toMatchObject({ code: 'proxmox-unavailable' });
});
