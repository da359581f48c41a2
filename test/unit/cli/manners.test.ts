// Promises about a terminal: nothing wider than it, colours and a pager only there, usage errors in words.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pagerOf } from '../../../src/cli/pager.ts';
import { folded, presented, wantsColor } from '../../../src/cli/present.ts';
import { cells } from '../../../src/cli/render/table.ts';
import { cli, today, verbPaths } from './fake.ts';

const tooWide = (lines: readonly string[], width = 80) => lines.filter((line) => cells(line) > width);

describe('on a terminal of 80 columns', () => {
  it.each(verbPaths())('the help of %j is no wider', async (path) => {
    const words = path.split(' ').filter(Boolean);
    for (const argv of [
      [...words, '--help'],
      ['help', ...words],
    ]) {
      const { code, out } = await cli(argv, { width: 80 });
      expect([code, tooWide(out)]).toEqual([0, []]);
      expect(out[0]).toMatch(new RegExp(`^Usage: ovs-port-agent ?${path}`));
    }
  });

  it('the examples of the help stand on one line each, to be copied', async () => {
    for (const path of verbPaths().filter(Boolean)) {
      const { out } = await cli([...path.split(' '), '--help'], { width: 80 });
      const at = out.indexOf('Examples:');
      for (const line of at < 0 ? [] : out.slice(at + 1)) {
        if (line === '') break;
        expect(line).toMatch(/^ {2}ovs-port-agent /);
      }
    }
  });

  const bridge = (name: string) => ({
    name,
    present: true,
    datapath_type: 'netdev',
    owner: 'networkmanager',
    driver: 'networkmanager',
    ports: 12,
  });
  const status = JSON.stringify({
    ready: true,
    hostname: 'pve1',
    pid: 4711,
    since: today(8, 0, 0),
    waiting: [
      {
        port: 'vi101',
        bridge: 'ovsbr0',
        code: 'link-missing',
        reason: `${'there is no device '.repeat(9)}tap101i0`,
      },
    ],
    bridges: [bridge('ovsbr0'), bridge('a-longer-bridge')],
    ledger: { path: '/var/lib/ovs-port-agent/ledger.jsonl', height: 123456, hash: 'ab'.repeat(32) },
  });

  it('status is no wider, and loses no word', async () => {
    const { out } = await cli(['status', '--color=never'], { agent: { GetStatus: status }, width: 80 });
    expect(tooWide(out)).toEqual([]);
    const wide = await cli(['status'], { agent: { GetStatus: status } });
    const words = (lines: string[]) => lines.join(' ').split(/\s+/).filter(Boolean);
    expect(words(out)).toEqual(words(wide.out));
  });

  it('JSON is not folded', async () => {
    const { out } = await cli(['status', '--json'], { agent: { GetStatus: status }, width: 20 });
    expect(JSON.parse(out.join('\n'))).toEqual(JSON.parse(status));
  });
});

describe('a folded line', () => {
  it('fits, and is the same text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.integer({ min: 12, max: 90 }), (text, width) => {
        const line = text.replace(/[\n\r]/g, '');
        const pieces = folded(line, width);
        for (const piece of pieces) expect(cells(piece)).toBeLessThanOrEqual(Math.max(width, 2));
        const bare = (said: string) => said.replace(/\s/g, '');
        expect(bare(pieces.join(''))).toBe(bare(line));
      }),
    );
  });

  it('goes on below the text of its column', () => {
    expect(folded('  ledger  height 27 and more words', 20)).toEqual([
      '  ledger  height 27',
      '          and more',
      '          words',
    ]);
  });
});

describe('colours', () => {
  it('are for a terminal, unless they are asked for or refused', () => {
    expect(wantsColor('auto', true, {})).toBe(true);
    expect(wantsColor('auto', false, {})).toBe(false);
    expect(wantsColor('auto', true, { NO_COLOR: '1' })).toBe(false);
    expect(wantsColor('auto', true, { NO_COLOR: '' })).toBe(true);
    expect(wantsColor('auto', true, { TERM: 'dumb' })).toBe(false);
    expect(wantsColor('always', false, { NO_COLOR: '1' })).toBe(true);
    expect(wantsColor('never', true, {})).toBe(false);
  });

  it('are taken back at the end of each line', () => {
    const out: string[] = [];
    const screen = { out: (line: string) => void out.push(line) } as never;
    presented(screen, () => ({ width: 10, color: true })).out('one two three', 'bad');
    expect(out).toEqual(['\u001b[31mone two\u001b[0m', '\u001b[31m  three\u001b[0m']);
  });
});

describe('the pager', () => {
  it('is the user’s own, else less, which ends where all fits', () => {
    expect(pagerOf({})).toEqual({ command: ['less'], env: { LESS: 'FRX' } });
    expect(pagerOf({ PAGER: 'most -s' })).toEqual({ command: ['most', '-s'], env: { LESS: 'FRX' } });
    expect(pagerOf({ LESS: 'R' })).toEqual({ command: ['less'], env: {} });
    for (const PAGER of ['', 'cat']) expect(pagerOf({ PAGER })).toBeUndefined();
  });

  it('gives no shell to somebody who is root for this one command', () => {
    expect(pagerOf({ SUDO_UID: '1000', PAGER: 'sh -c id', LESS: 'x' })).toEqual({
      command: ['less'],
      env: { LESS: 'FRX', LESSSECURE: '1' },
    });
  });
});

describe('usage errors', () => {
  it.each([
    [['list', 'more'], 'Too many arguments: list takes none, 1 was given. See: ovs-port-agent list --help'],
    [
      ['explain', 'a', 'b'],
      'Too many arguments: explain takes one, 2 were given. See: ovs-port-agent explain --help',
    ],
    [['help', 'lst'], "Unknown command 'lst' (Did you mean list?). See: ovs-port-agent --help"],
    [
      ['help', 'ledger', 'verfy'],
      "Unknown command 'verfy' (Did you mean verify?). See: ovs-port-agent ledger --help",
    ],
  ])('%j in words', async (argv, line) => {
    expect(await cli(argv)).toMatchObject({ code: 2, out: [], err: [line] });
  });

  it('say of a directory that it is one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ovs-port-agent-dir-'));
    for (const argv of [
      ['ledger', 'verify', folder],
      ['ledger', 'tail', '--file', folder],
      ['events', '--file', folder],
      ['config', 'check', folder],
    ]) {
      const { code, err } = await cli(argv);
      expect([argv[0], code]).toEqual([argv[0], 2]);
      expect(err[0]).toContain(folder);
      expect(err[0]).not.toMatch(/EISDIR/);
    }
    await rm(folder, { recursive: true });
  });
});

describe('somebody who is not root', () => {
  it.each([
    'list',
    'status',
    'doctor',
    'explain 101',
    'introspect',
    'reconcile',
    'netmaker list',
    'proxmox status',
    'run',
    'config reload',
  ])('is told at once: %s', async (verb) => {
    const { code, out, err, calls } = await cli(verb.split(' '), { isRoot: false });
    expect([code, out, calls, err.length]).toEqual([3, [], [], 1]);
    expect(err[0]).toMatch(
      /^The agent and what it knows are for root\. Run this as root: sudo ovs-port-agent /,
    );
  });

  it('can read help and check a file', async () => {
    expect((await cli(['list', '--help'], { isRoot: false })).code).toBe(0);
    expect((await cli(['config', 'check'], { isRoot: false })).code).toBe(0);
  });
});
