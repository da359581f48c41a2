// A witness's key and what it has seen stay together: neither is made anew beside the other.

import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SIGNATURE, sigsumVerifier } from '../../../src/core/ledger/note/keys.ts';
import { defaultKeyName, openWitnessIdentity, readWitnessKey } from '../../../src/witness/key.ts';

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'witness-')), 'state');
});
afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }));

const head = { origin: 'o', size: 3, root: Buffer.alloc(32, 1), at: '2026-01-01T00:00:00.000Z', note: 'n' };

it('is made once, for its owner alone, and keeps its name', async () => {
  expect(await readWitnessKey(folder)).toBeUndefined();
  const made = await openWitnessIdentity(folder, 'first');
  expect((await stat(join(folder, 'key'))).mode & 0o777).toBe(0o400);
  const again = await openWitnessIdentity(folder, 'second');
  expect([again.signer.privateText(), again.signer.verifier.name]).toEqual([
    made.signer.privateText(),
    'first',
  ]);
  expect((await readWitnessKey(folder))?.verifier.name).toBe('first');
});

it('is not used when what was seen is gone', async () => {
  await openWitnessIdentity(folder, 'w');
  await rm(join(folder, 'seen'), { recursive: true });
  await expect(openWitnessIdentity(folder, 'w')).rejects.toMatchObject({ code: 'witness-state-unusable' });
  expect(await readdir(folder)).toEqual(['key']);
});

it('is not made anew beside what was seen with another', async () => {
  const { seen } = await openWitnessIdentity(folder, 'w');
  await rm(join(folder, 'key'));
  // Only its folder was made when the power went.
  await openWitnessIdentity(folder, 'w');
  await seen.keep(head);
  await rm(join(folder, 'key'));
  await expect(openWitnessIdentity(folder, 'w')).rejects.toMatchObject({ code: 'witness-state-unusable' });
});

it('is not used when it, or anything that was seen, cannot be read', async () => {
  const { seen } = await openWitnessIdentity(folder, 'w');
  await seen.keep(head);
  const [file = ''] = await readdir(join(folder, 'seen'));
  await writeFile(join(folder, 'seen', file), '{}');
  await expect(openWitnessIdentity(folder, 'w')).rejects.toMatchObject({ code: 'witness-state-unusable' });
  await rm(join(folder, 'seen', file));
  await rm(join(folder, 'key'));
  await writeFile(join(folder, 'key'), 'PRIVATE');
  await expect(openWitnessIdentity(folder, 'w')).rejects.toMatchObject({ code: 'witness-state-unusable' });
});

it("may be named after the key, as Sigsum's are", async () => {
  const { signer } = await openWitnessIdentity(folder, 'sigsum.org/v1/witness/{key}');
  expect(signer.verifier.name).toBe(sigsumVerifier(signer.verifier.raw, SIGNATURE.cosignature).name);
  expect((await readWitnessKey(folder))?.verifier.name).toBe(signer.verifier.name);
});

it('has a name that a key can have, whatever the host is called', () => {
  expect(defaultKeyName('pve1', 'witness')).toBe('pve1/ovs-port-agent/witness');
  expect(defaultKeyName('a b+c\n', 'witness')).toBe('a-b-c-/ovs-port-agent/witness');
  expect(defaultKeyName('', 'witness')).toBe('host/ovs-port-agent/witness');
});
