import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { readProc } from '../../../../src/core/lib/read-proc.ts';

const top = fileURLToPath(new URL('../../../..', import.meta.url));

it('reads what a file of the kernel has, in however many pieces it comes', async () => {
  for (const path of ['/proc/self/mountinfo', '/proc/self/smaps', '/proc/self/cmdline'])
    expect((await readProc(path)).length).toBe(readFileSync(path, 'utf8').length);
  expect((await readProc('/proc/self/smaps')).length).toBeGreaterThan(4096);
  await expect(readProc('/proc/self/none')).rejects.toMatchObject({ code: 'ENOENT' });
});

// Node 18, which Proxmox 8 has, gives the first page of them and no error; the tests' own Node does not.
it('is how each of them is read that is not read at once', () => {
  const found = ['src', 'hooks'].flatMap((folder) =>
    readdirSync(join(top, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => {
        const lines = readFileSync(join(top, folder, name), 'utf8').split('\n');
        return lines
          .filter((line) => /\breadFile\(.*(?:\bproc\b|\/sys\/class|net\/|mountinfo|locks)/.test(line))
          .filter((line) => !/fdinfo|boot_id/.test(line));
      }),
  );
  expect(found).toEqual([]);
});
