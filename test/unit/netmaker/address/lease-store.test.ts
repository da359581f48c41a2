// Promises about leases.json: whole or old, and never in the way.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadState, saveState } from '../../../../src/core/lib/state-file.ts';
import { EMPTY_LEASE_STATE } from '../../../../src/netmaker/address/lease-state.ts';
import { LEASES } from '../../../../src/netmaker/address/lease-store.ts';
import { given, id, NOW } from './given.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'leases-'));
  path = join(directory, 'leases.json');
});

afterEach(() => rm(directory, { recursive: true }));

const entry = { key: id(1), name: 'a', static: false, leasedAt: 1, releasedAt: null, misses: 0 };
const file = (leases: unknown) => JSON.stringify({ version: 1, leases });

describe('leases.json', () => {
  it('is an empty state while it does not exist', async () => {
    expect(await loadState(LEASES, path, 1)).toEqual({ state: EMPTY_LEASE_STATE });
    expect(await readdir(directory)).toEqual([]);
  });

  it('comes back as it was saved', async () => {
    await saveState(path, given(1, 2));
    expect(await loadState(LEASES, path, 1)).toEqual({ state: given(1, 2) });
    expect(await readdir(directory)).toEqual(['leases.json']);
  });

  it.each([
    ['', 'is not complete JSON'],
    ['{"version":1,"lea', 'is not complete JSON'],
    ['{"version":2,"leases":{}}', 'is not understood (version'],
    [file({ '203.0.113.02': entry }), 'is not understood (leases 203.0.113.02'],
    [file({ '2001:DB8::1': entry }), 'is not understood (leases 2001:DB8::1'],
    [file({ '203.0.113.2': { ...entry, key: 'x' } }), 'is not understood (leases 203.0.113.2 key'],
    [file({ '203.0.113.2': { ...entry, name: 'a\u001b' } }), 'is not understood (leases 203.0.113.2 name'],
    [file({ '203.0.113.2': entry, '203.0.113.3': entry }), 'gives one container two addresses'],
  ])('is set aside, not lost, when it is damaged: %j', async (text, what) => {
    await writeFile(path, text);
    const loaded = await loadState(LEASES, path, NOW);
    expect(loaded.state).toEqual(EMPTY_LEASE_STATE);
    expect(loaded.problem).toContain(what);
    expect(await readdir(directory)).toEqual([`leases.json.damaged-${NOW}`]);
    expect(await readFile(`${path}.damaged-${NOW}`, 'utf8')).toBe(text);
  });

  it('is set aside when it is not even a file', async () => {
    await mkdir(path);
    expect((await loadState(LEASES, path, 7)).problem).toContain('cannot be read');
    expect(await readdir(directory)).toEqual(['leases.json.damaged-7']);
  });
});
