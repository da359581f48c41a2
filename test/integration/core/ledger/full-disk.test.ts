// A file system that is really full: appends fail cleanly, nothing acknowledged is lost, and the gap is in the ledger.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { scratch } from './scratch.ts';

it('a full file system costs the blocks that did not fit, and the ledger says how many and why', async () => {
  using place = scratch();
  const script = join(place.dir, 'full-disk.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'full-disk.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: script,
    logLevel: 'error',
  });
  // In namespaces of its own the mount goes with the process.
  const shell = 'mkdir "$1/disk" && mount -t tmpfs -o size=400k tmpfs "$1/disk" && exec "$2" "$3" "$1/disk"';
  const argv = ['-r', '-m', 'sh', '-c', shell, 'sh', place.dir, process.execPath, script];
  const { stdout } = await promisify(execFile)('unshare', argv, { timeout: 60_000 });
  const found = JSON.parse(stdout);
  expect(found).toMatchObject({
    failed: 5,
    codes: ['ledger-write-failed'],
    lost: null,
    missing: 0,
    verdict: 'ok',
  });
  // Packing makes room now and then, so there may be several.
  const gaps: { failed: number; error: string; since: string; until: string }[] = found.gaps;
  expect(gaps.reduce((sum, gap) => sum + gap.failed, 0)).toBe(5);
  for (const { error, since, until } of gaps) {
    expect(error).toContain('ENOSPC');
    expect(Date.parse(until)).toBeGreaterThanOrEqual(Date.parse(since));
  }
  expect(found.acknowledged).toBeGreaterThan(10);
});
