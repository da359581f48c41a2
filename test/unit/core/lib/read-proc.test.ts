// Files that the kernel makes while they are read are read to their end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { readProc } from '../../../../src/core/lib/read-proc.ts';

const top = fileURLToPath(new URL('../../../..', import.meta.url));

it('reads what a file of the kernel has, in however many pieces it comes', async () => {
  // A process that does nothing: what is read of this one changes between two looks.
  const still = spawn('sleep', ['60']);
  try {
    await once(still, 'spawn');
    const smaps = `/proc/${still.pid}/smaps`;
    const lines = (text: string) => text.split('\n').map((line) => line.replace(/\d+ kB$/, 'kB'));
    // Until it has begun to sleep; one that reads a part alone is never the same.
    const isSame = async () => `${lines(await readProc(smaps))}` === `${lines(readFileSync(smaps, 'utf8'))}`;
    await expect.poll(isSame).toBe(true);
    await expect.poll(async () => (await readProc(smaps)).length).toBeGreaterThan(4096);
    expect(await readProc(`/proc/${still.pid}/cmdline`)).toBe('sleep\0' + '60\0');
  } finally {
    still.kill();
  }
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
