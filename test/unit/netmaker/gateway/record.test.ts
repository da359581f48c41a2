import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Entry } from '../../../../src/netmaker/gateway/host-resources.ts';
import { readRecord, writeRecord } from '../../../../src/netmaker/gateway/record.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gateway-'));
  path = join(directory, 'gateway.json');
});
afterEach(() => rm(directory, { recursive: true }));

const entry = (more: Partial<Extract<Entry, { kind: 'sysctl' }>> = {}): Entry => ({
  kind: 'sysctl',
  path: 'net/ipv4/conf/eno1.100/forwarding',
  value: '1',
  was: '0',
  index: 2,
  ...more,
});

describe('the undo record', () => {
  it('says after a restart what it said before', async () => {
    await writeRecord(path, 'boot', [entry(), { kind: 'forwarding6', was: { all: '0', 'eno1.100': '0' } }]);
    expect(await readRecord(path, 'boot')).toEqual([
      entry(),
      { kind: 'forwarding6', was: { all: '0', 'eno1.100': '0' } },
    ]);
  });

  it('is void after a boot, and empty where there is none', async () => {
    expect(await readRecord(path, 'boot')).toEqual([]);
    await writeRecord(path, 'boot', [entry()]);
    expect(await readRecord(path, 'another')).toEqual([]);
  });

  it.each([
    ['half of one', '{"version":1,"entr'],
    ['one with a path out of /proc/sys', record({ path: 'net/ipv4/conf/../../../kernel/core_pattern' })],
    ['one with a path of other settings', record({ path: 'kernel/core_pattern' })],
    ['one with a value that is no number', record({ was: '|/bin/sh' })],
  ])('that is damaged is set aside: %s', async (_, text) => {
    await writeFile(path, text);
    const told: string[] = [];
    expect(await readRecord(path, 'boot', (problem) => told.push(problem))).toEqual([]);
    expect(await readdir(directory)).toEqual(['gateway.json.damaged']);
    expect(told).toEqual([expect.stringContaining('gateway.json.damaged now')]);
  });
});

function record(more: Partial<Extract<Entry, { kind: 'sysctl' }>>): string {
  return JSON.stringify({ version: 1, bootId: 'boot', entries: [entry(more)] });
}
