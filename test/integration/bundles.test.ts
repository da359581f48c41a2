// What is inside the bundles: nothing that we do not use, and nothing with known faults.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

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
