// Files and places that somebody names on the command line: whatever they are, the verb ends, with one line that says what to do.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli } from '../../unit/cli/fake.ts';
import { entry, open, type Scratch, scratch } from '../core/ledger/scratch.ts';
import { signing } from '../core/ledger/signing.ts';

let place: Scratch;
let key: string;

/** Checkpoints of 1, 4 and 6 blocks. */
beforeAll(async () => {
  place = scratch();
  const ledger = await open(place.path);
  const checkpoints = await signing(ledger, place.path);
  for (const count of [3, 2]) {
    for (let n = 0; n < count; n++) await ledger.append(entry(n));
    await checkpoints.sign();
  }
  key = checkpoints.status().key ?? '';
  await checkpoints.close();
  await ledger.close();
  mkdirSync(join(place.dir, 'directory'));
  expect(spawnSync('mkfifo', [join(place.dir, 'pipe')]).status).toBe(0);
  writeFileSync(join(place.dir, 'big'), '');
  truncateSync(join(place.dir, 'big'), 1024 ** 3);
  writeFileSync(join(place.dir, 'file'), '');
});
afterAll(() => place[Symbol.dispose]());

const at = (name: string) => (name.startsWith('/') ? name : join(place.dir, name));
const run = (...argv: string[]) => cli(['ledger', ...argv], { ledger: place.path });

/** Ended with one line, without a word of the program's inside. */
function refused({ code, err, out }: Awaited<ReturnType<typeof run>>, wanted: number, said: RegExp) {
  expect({ code, err, out }).toEqual({ code: wanted, err: [expect.stringMatching(said)], out: [] });
  expect(err[0]).not.toContain('Unexpected');
}

describe('a place to write to that is none', () => {
  it.each([
    ['/proc/x'],
    ['/nowhere/at/all'],
    ['/dev/full'],
    ['directory'],
    ['file/x'],
    ['pipe'],
    [`/tmp/${'x'.repeat(300)}`],
  ])('of a proof: %s', async (name) => {
    const end = await run('prove', '2', '--out', at(name));
    refused(end, 1, /cannot be written \(.*\) \[output-failed\] Name a place that can be written/);
  });

  it.each([['/proc/x'], ['/dev/full'], ['file'], [`/tmp/${'x'.repeat(300)}`]])(
    'of tiles: %s',
    async (name) => {
      const end = await run('export', '--tiles', at(name));
      refused(end, 1, /cannot be (?:read|written) \(.*\) \[output-failed\] Name a place that can be written/);
    },
  );

  it('of an index', async () => {
    using copy = scratch();
    cpSync(place.path, copy.path);
    mkdirSync(join(copy.dir, 'ledger.d'));
    writeFileSync(join(copy.dir, 'ledger.d/index'), '');
    refused(
      await cli(['ledger', 'index'], { ledger: copy.path }),
      1,
      /^The index of .* cannot be written .*\[output-failed\]/,
    );
  });
});

describe('a file to read', () => {
  const OPTIONS: Record<string, string[]> = {
    'a known head': ['verify', '--known-head'],
    'where to begin': ['verify', '--from'],
    'a policy': ['verify', '--policy'],
    'a proof': ['check-proof', '--key', 'KEY'],
    'a block': ['check-proof', 'PROOF', '--key', 'KEY', '--block'],
  };
  const cases = Object.entries(OPTIONS).flatMap(([what, argv]) =>
    ['/dev/zero', 'big', 'directory', '/nowhere/at/all', 'file/x'].map((name) => ({ what, name, argv })),
  );
  it.each(cases)('$what that is $name', async ({ name, argv }) => {
    const proof = join(place.dir, 'proof');
    await run('prove', '2', '--out', proof);
    const words = argv.map((word) => ({ KEY: key, PROOF: proof })[word] ?? word);
    const end = await run(...words, at(name));
    refused(end, 2, new RegExp(`^${at(name)} cannot be read: `));
    if (['/dev/zero', 'big'].includes(name)) expect(end.err[0]).toContain('1024 KiB');
  });

  it.each([['known-head'], ['from'], ['policy']])(
    '--%s that is an empty pipe is waited for by nobody',
    async (option) => {
      expect((await run('verify', `--${option}`, at('pipe'))).code).not.toBe(0);
    },
  );

  it.each([
    ['/dev/zero', /it is no regular file/],
    ['pipe', /it is no regular file/],
    ['directory', /is a directory/],
    ['file', /it has no line as that wrote it/],
  ])('to be imported: %s', async (name, said) => {
    const { code, err } = await run('import', '--check', at(name));
    expect([code, err]).toEqual([expect.any(Number), [expect.stringMatching(said)]]);
    expect(code).not.toBe(0);
  });

  it('to be imported is read up to 4 GiB', async () => {
    truncateSync(join(place.dir, 'big'), 5 * 1024 ** 3);
    refused(await run('import', '--check', at('big')), 2, /has 5\.0 GiB: more than 4\.0 GiB is not read/);
    truncateSync(join(place.dir, 'big'), 1024 ** 3);
  });
});

describe('two sizes', () => {
  it('in the wrong order are said to be so', async () => {
    refused(await run('consistency', '6', '4'), 2, /^6 is not before 4: .*\[bad-argument\]/);
    refused(await run('consistency', '22', '2'), 2, /^22 is not before 2: .*\[bad-argument\]/);
    expect((await run('consistency', '4', '6')).code).toBe(0);
    expect((await run('consistency', '6', '6')).code).toBe(0);
  });

  it.each([
    ['prove', '2'],
    ['consistency', '1', '4'],
  ])('of a ledger that is not there: %s', async (...argv) => {
    refused(await run(...argv, '--file', at('none')), 2, /^There is no ledger at/);
  });
});

describe('the tree beside the ledger', () => {
  it.each([['a directory'], ['a pipe'], ['a link to nothing']])(
    'that is %s is told, and waited for by nobody',
    async (kind) => {
      using copy = scratch();
      cpSync(place.path, copy.path);
      mkdirSync(join(copy.dir, 'ledger.d'));
      for (const name of ['tree', 'checkpoints.jsonl'])
        cpSync(join(place.dir, 'ledger.d', name), join(copy.dir, 'ledger.d', name));
      const tree = join(copy.dir, 'ledger.d/tree');
      rmSync(tree);
      if (kind === 'a pipe') expect(spawnSync('mkfifo', [tree]).status).toBe(0);
      else if (kind === 'a directory') mkdirSync(tree);
      else symlinkSync('/nowhere/at/all', tree);
      for (const argv of [
        ['prove', '2'],
        ['consistency', '1', '4'],
        ['export', '--tiles', join(copy.dir, 'tiles')],
      ])
        refused(await cli(['ledger', ...argv], { ledger: copy.path }), 1, /\[ledger-tree-unreadable\]/);
    },
  );
});
