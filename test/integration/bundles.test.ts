// What is inside the bundles: nothing that we do not use, and nothing with known faults.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLedger } from '../../src/core/ledger/index.ts';

let out: string;

beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'opa-bundles-'));
  await execa(process.execPath, ['scripts/build.mjs', '--out', out]);
}, 120_000);
afterAll(() => rm(out, { recursive: true, force: true }));

it('has of dbus-next its codec alone: no XML parser, no event-stream, no native socket, not its connection', async () => {
  const notice = await readFile(join(out, 'third-party.txt'), 'utf8');
  const packages = [...notice.matchAll(/^(\S+) \d+\.\d+\.\d+\S*: /gm)].map(([, name]) => name);
  expect(packages).toEqual(expect.arrayContaining(['dbus-next', 'zod']));
  for (const name of ['xml2js', 'xmlbuilder', 'sax', 'event-stream', 'usocket', 'x11'])
    expect(packages).not.toContain(name);
  for (const bundle of ['agent', 'cli', 'proxmox-hook', 'lxc-hook']) {
    const text = await readFile(join(out, `${bundle}.cjs`), 'utf8');
    expect(text).toContain('dbus-next/lib/dbus-buffer.js');
    expect(text).not.toMatch(
      /dbus-next\/lib\/(?:bus|connection|handshake)\.js|xml2js|event-stream|unmarshalMessages\(stream/,
    );
  }
});

describe('the pager on a terminal of 10 lines', () => {
  const seen = async (env: Record<string, string>, keys = '') => {
    const typed = `stty rows 10 cols 80; ${process.execPath} ${join(out, 'cli.cjs')} --help; echo "code $?"`;
    const { stdout } = await execa('script', ['-qec', typed, '/dev/null'], {
      input: keys,
      timeout: 30_000,
      env: { TERM: 'xterm', SHELL: '/bin/sh', SUDO_UID: undefined, ...env },
    });
    return stdout.replaceAll('\r', '');
  };

  it('is the one that is wanted', async () => {
    await writeFile(join(out, 'pager'), '#!/bin/sh\nsed "s/^/> /"\n', { mode: 0o755 });
    const text = await seen({ PAGER: join(out, 'pager') });
    expect(text).toMatch(/^> Usage: ovs-port-agent/);
    expect(text).toContain('code 0');
  });

  it('may be missing: all is shown without one', async () => {
    const text = await seen({ PAGER: join(out, 'no-such-pager') });
    expect(text).toMatch(/^Usage: ovs-port-agent/);
    expect(text).toContain('Exit codes: 0 fine');
    expect(text).toMatch(/code 0\n?$/);
    expect(text).not.toMatch(/ENOENT|EPIPE|Error/);
  });

  it('may be left before the end, without a word', async () => {
    await writeFile(join(out, 'pager'), '#!/bin/sh\nhead -n 2\n', { mode: 0o755 });
    const text = await seen({ PAGER: join(out, 'pager') });
    expect(text.split('\n').filter(Boolean)).toEqual([expect.stringMatching(/^Usage: /), 'code 0']);
  });
});

describe('output that cannot be written', { timeout: 120_000 }, () => {
  const run = (typed: string) =>
    execa('bash', ['-c', typed, 'bash', process.execPath, join(out, 'cli.cjs'), out], {
      reject: false,
      timeout: 60_000,
    });
  const ledger = async (count: number, length = 500) => {
    const path = join(out, `${count}.jsonl`);
    const book = await openLedger({ path, hostname: 'pve1', bootId: 'b', pid: 1, user: 'root' });
    const entry = { category: 'port', action: 'port_attached', data: { text: 'x'.repeat(length) } } as const;
    await Promise.all(Array.from({ length: count }, () => book.append(entry)));
    await book.close();
    return path;
  };

  it('is told in one line, and is no success, of every verb that prints', async () => {
    const path = await ledger(5);
    for (const verb of [
      `ledger verify ${path}`,
      ...['tail', 'tail --json', 'show 1..3', 'stats', 'report', 'export', 'trace 2', 'at 2'].map(
        (words) => `ledger ${words} --file ${path}`,
      ),
      'config show',
      '--help',
      '--version',
    ]) {
      const { exitCode, stderr } = await run(`"$1" "$2" ${verb} >/dev/full`);
      expect({ verb, exitCode, stderr }).toEqual({
        verb,
        exitCode: 1,
        stderr: expect.stringMatching(/^Not all could be printed \(ENOSPC.*\[output-failed\] Name[^\n]*$/),
      });
    }
    // What is only told on stderr is not what could not be printed.
    const { exitCode, stderr } = await run('"$1" "$2" nosuch >/dev/full');
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/^Unknown command[^\n]*$/)]);
  });

  it('is told of a disk that has room for a part of the last line', async () => {
    const path = await ledger(1, 10_000);
    const mounted = 'mkdir "$3/disk" && mount -t tmpfs -o size=4k tmpfs "$3/disk"';
    const inside = `${mounted} && "$1" "$2" ledger export --file ${path} >"$3/disk/out"`;
    // In namespaces of its own the mount goes with the process.
    const typed = `unshare -r -m bash -c '${inside}' bash "$1" "$2" "$3"`;
    expect(await run(typed)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('ENOSPC') });
  });

  it('is quiet where the reader has gone', async () => {
    const path = await ledger(2000);
    const many = `"$1" "$2" ledger export --file ${path}`;
    expect(await run(`${many} | head -1 >/dev/null; exit \${PIPESTATUS[0]}`)).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
    const broken = join(out, 'broken.jsonl');
    await writeFile(broken, 'no ledger\n');
    expect(await run(`"$1" "$2" ledger verify ${broken} | true; exit \${PIPESTATUS[0]}`)).toMatchObject({
      exitCode: 20,
      stderr: '',
    });
  });

  it('on stderr changes no verdict', async () => {
    const broken = join(out, 'broken.jsonl');
    await writeFile(broken, 'no ledger\n');
    for (const where of ['2>/dev/full', '2> >(true)'])
      expect((await run(`"$1" "$2" ledger verify --progress ${broken} ${where}`)).exitCode).toBe(20);
  });
});
