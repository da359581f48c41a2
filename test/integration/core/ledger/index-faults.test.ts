// The building of the index killed, and with any of its calls failing: the ledger is as it was, and queries answer as without one.
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { activeIndex, indexDir } from '../../../../src/core/ledger/index-files/names.ts';
import { rebuildIndex, updateIndex } from '../../../../src/core/ledger/index-files/update.ts';
import { queryBlocks } from '../../../../src/core/ledger/query/query.ts';
import { wantPort } from '../../../../src/core/ledger/query/wants.ts';
import { entry, open, type Scratch, scratch } from './scratch.ts';

const place = scratch();
const script = join(place.dir, 'indexer.mjs');
beforeAll(() =>
  build({
    ...{ entryPoints: [join(import.meta.dirname, 'indexer.ts')], outfile: script, logLevel: 'error' },
    ...{ bundle: true, platform: 'node', format: 'esm' },
  }),
);
afterAll(() => place[Symbol.dispose]());

const fill = async ({ path }: Scratch, from: number, to: number) => {
  const ledger = await open(path);
  for (let n = from; n <= to; n++) await ledger.append(entry(n % 7));
  await ledger.close();
};
const answers = async ({ path }: Scratch) => {
  const found: number[] = [];
  for await (const { height } of queryBlocks(path, { wants: [wantPort('vi3')] })) found.push(height);
  return found;
};
const bytesOf = ({ path }: Scratch) =>
  readdirSync(indexDir(path))
    .sort()
    .map((name) => [name, readFileSync(join(indexDir(path), name)).toString('hex')]);

describe.each(['openat', 'pwrite64', 'ftruncate', 'mkdir'])('an index whose %s', (call) => {
  it.each(['error=EIO', 'error=ENOSPC', 'signal=KILL'])('fails (%s) changes no answer', async (fault) => {
    let hits = 0;
    for (const when of [1, 2]) {
      using here = scratch();
      await fill(here, 1, 21);
      // One is there already, except for the call that makes its folder.
      if (call !== 'mkdir') execFileSync(process.execPath, [script, here.path]);
      await fill(here, 22, 45);
      const before = readFileSync(here.path);
      const { table, data } = activeIndex(here.path);
      const log = join(here.dir, 'strace.log');
      const files = [indexDir(here.path), table, data].flatMap((file) => ['-P', file]);
      const tamper = ['-e', `trace=${call}`, '-e', `inject=${call}:${fault}:when=${when}`];
      spawnSync('strace', ['-f', '-qq', '-o', log, ...files, ...tamper, process.execPath, script, here.path]);
      if (/INJECTED|killed by SIGKILL/.test(readFileSync(log, 'utf8'))) hits += 1;

      expect(readFileSync(here.path).equals(before)).toBe(true);
      expect(await answers(here)).toEqual([3, 10, 17, 24, 31, 38, 45]);
      await fill(here, 46, 52);
      expect(await answers(here)).toEqual([3, 10, 17, 24, 31, 38, 45, 52]);
      await updateIndex(here.path, { runBlocks: 4 });
      const mended = bytesOf(here);
      await rebuildIndex(here.path, { runBlocks: 4 });
      expect(mended).toEqual(bytesOf(here));
      expect(mended.map(([name]) => name)).toEqual(['active.data', 'active.runs']);
    }
    expect(hits).toBeGreaterThan(0);
  });
});
