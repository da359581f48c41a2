import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeDirs } from '../../../../src/core/lib/make-dirs.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'opa-dirs-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('a directory', () => {
  it('is made with its parents, and the first that was made is told', async () => {
    expect(await makeDirs(join(dir, 'a/b/c'), 0o700)).toBe(join(dir, 'a'));
    expect(await makeDirs(join(dir, 'a/b/d'), 0o700)).toBe(join(dir, 'a/b/d'));
    expect(statSync(join(dir, 'a/b/d')).mode & 0o777).toBe(0o700);
    expect(await makeDirs(join(dir, 'a/b/d'), 0o755)).toBeUndefined();
    expect(statSync(join(dir, 'a/b/d')).mode & 0o777).toBe(0o700);
  });

  it('may be a link to one, and is made once by many', async () => {
    mkdirSync(join(dir, 'real'));
    symlinkSync('real', join(dir, 'link'));
    expect(await makeDirs(join(dir, 'link'))).toBeUndefined();
    const made = await Promise.all(Array.from({ length: 8 }, () => makeDirs(join(dir, 'many/of/them'))));
    expect(made).toContain(join(dir, 'many'));
    expect(statSync(join(dir, 'many/of/them')).isDirectory()).toBe(true);
  });

  it.each([
    ['where nothing can be made', () => '/proc/x', 'ENOENT'],
    ['below that', () => '/proc/x/y/z', 'ENOENT'],
    ['in the place of a file', () => file('f'), 'EEXIST'],
    ['below a file', () => join(file('g'), 'x/y'), 'ENOTDIR'],
    ['behind a link to nothing', () => join(link('h'), 'x/y'), 'ENOENT'],
    ['without a name', () => '', 'ENOENT'],
  ])('%s is an error, at once', async (_, path, code) => {
    await expect(makeDirs(path())).rejects.toMatchObject({ code });
  });
});

function file(name: string): string {
  writeFileSync(join(dir, name), '');
  return join(dir, name);
}

function link(name: string): string {
  symlinkSync(join(dir, 'nowhere'), join(dir, name));
  return join(dir, name);
}
