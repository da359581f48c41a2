// Promises about vmids.json: whole or old, and never in the way.
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EMPTY_VMID_STATE, type VmidState } from '../../../../src/core/guest/vmid-allocation.ts';
import { VMIDS } from '../../../../src/core/guest/vmid-store.ts';
import { loadState, saveState } from '../../../../src/core/lib/state-file.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vmids-'));
  path = join(directory, 'vmids.json');
});

afterEach(() => rm(directory, { recursive: true }));

const state: VmidState = {
  version: 1,
  allocations: {
    'docker:a': { vmid: 1_000_000, releasedAt: null },
    'lxc:b': { vmid: 1_000_001, releasedAt: 5 },
  },
};

describe('vmids.json', () => {
  it('is an empty state while it does not exist', async () => {
    expect(await loadState(VMIDS, path, 1)).toEqual({ state: EMPTY_VMID_STATE });
    expect(await readdir(directory)).toEqual([]);
  });

  it('comes back as it was saved, and leaves no temporary file', async () => {
    await saveState(path, EMPTY_VMID_STATE);
    await saveState(path, state);
    expect(await loadState(VMIDS, path, 1)).toEqual({ state });
    expect(await readdir(directory)).toEqual(['vmids.json']);
    expect((await stat(path)).mode & 0o007).toBe(0);
  });

  it.each([
    ['', 'is not complete JSON'],
    ['{"version":1,"alloc', 'is not complete JSON'],
    ['\0\0\0\0', 'is not complete JSON'],
    ['{"version":2,"allocations":{}}', 'is not understood (version'],
    [
      '{"version":1,"allocations":{"docker:a":{"vmid":5,"releasedAt":null}}}',
      'is not understood (allocations docker:a vmid',
    ],
    [
      '{"version":1,"allocations":{"a":{"vmid":500,"releasedAt":null},"b":{"vmid":500,"releasedAt":null}}}',
      'gives one VMID to two guests',
    ],
  ])('is set aside, not lost, when it is damaged: %j', async (text, what) => {
    await writeFile(path, text);
    const loaded = await loadState(VMIDS, path, 1_700_000_000_000);
    expect(loaded.state).toEqual(EMPTY_VMID_STATE);
    expect(loaded.problem).toContain(what);
    expect(await readdir(directory)).toEqual(['vmids.json.damaged-1700000000000']);
    expect(await readFile(`${path}.damaged-1700000000000`, 'utf8')).toBe(text);
    await saveState(path, state);
    expect(await loadState(VMIDS, path, 1)).toEqual({ state });
  });

  it('is set aside when it is not even a file', async () => {
    await mkdir(path);
    expect((await loadState(VMIDS, path, 7)).problem).toContain('cannot be read');
    expect(await readdir(directory)).toEqual(['vmids.json.damaged-7']);
  });

  it('says so when the disk refuses, and leaves no temporary file', async () => {
    await expect(saveState(join(directory, 'none', 'vmids.json'), state)).rejects.toMatchObject({
      code: 'ENOENT',
    });
    await mkdir(path);
    await expect(saveState(path, state)).rejects.toThrow();
    expect(await readdir(directory)).toEqual(['vmids.json']);
  });
});
