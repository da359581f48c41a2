import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readLimited } from '../../../../src/core/lib/read-limited.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'opa-limited-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const KIB = 1024;

function pipe(name: string): string {
  expect(spawnSync('mkfifo', [join(dir, name)]).status).toBe(0);
  return join(dir, name);
}

const openFiles = () =>
  readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });

describe('a file that somebody named', () => {
  it('is read whole up to the limit, and no byte more', async () => {
    const path = join(dir, 'file');
    const bytes = Buffer.alloc(200 * KIB, 'abc');
    writeFileSync(path, bytes);
    expect((await readLimited(path, 200 * KIB)).equals(bytes)).toBe(true);
    await expect(readLimited(path, 199 * KIB)).rejects.toMatchObject({
      code: 'EFBIG',
      message: expect.stringContaining('199 KiB'),
    });
  });

  it('is not read for ever where it has no end', async () => {
    await expect(readLimited('/dev/zero', KIB)).rejects.toMatchObject({ code: 'EFBIG' });
    expect(await readLimited('/dev/null', KIB)).toHaveLength(0);
  });

  it('is an error where it is none', async () => {
    mkdirSync(join(dir, 'directory'));
    await expect(readLimited(join(dir, 'directory'), KIB)).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(readLimited(join(dir, 'none'), KIB)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('a pipe', () => {
  it('that nobody writes into is empty, at once', async () => {
    expect(await readLimited(pipe('idle'), KIB)).toHaveLength(0);
  });

  it('is read to its end, however late that comes', async () => {
    const path = pipe('slow');
    // Read and write: it opens at once, and stays open until it has said all.
    const writer = spawn('sh', ['-c', 'exec 3<>"$1"; echo open; read go; printf two >&3; exit', 'sh', path]);
    await new Promise((resolve) => writer.stdout.once('data', resolve));
    const found = readLimited(path, KIB);
    await vi.waitFor(() => expect(openFiles()).toContain(path), 20_000);
    writer.stdin.end('go\n');
    expect(String(await found)).toBe('two');
  });

  it('is left when nobody ends it in time', async () => {
    const path = pipe('endless');
    const writer = spawn('sh', ['-c', 'exec 3<>"$1"; echo open; read go', 'sh', path]);
    await new Promise((resolve) => writer.stdout.once('data', resolve));
    await expect(readLimited(path, KIB, 100)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    writer.stdin.end();
  });
});
