// What is inside the bundles: nothing that we do not use, and nothing with known faults.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';

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
