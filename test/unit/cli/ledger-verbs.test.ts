import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLedger } from '../../../src/core/ledger/index.ts';
import { cli } from './fake.ts';

let dir: string;
let ledger: string;

const port = {
  port: 'vi101',
  interface: 'tap101i0',
  bridge: 'ovsbr0',
  vmid: 101,
  guest: 'web',
  runtime: 'lxc',
};

/** 1 start of agent, 2 guest starts, 3 intent and 4 outcome of its port, 5 a setting, 6 intent without outcome. */
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'opa-cli-'));
  ledger = join(dir, 'ledger.jsonl');
  const book = await openLedger({ path: ledger, hostname: 'pve1', bootId: 'boot-1', pid: 812, user: 'root' });
  const intent = { kind: 'intent' };
  await book.append({ category: 'lifecycle', action: 'agent_started', data: { version: '1.2.3' } });
  const start = { name: 'web', phase: 'net-up' };
  await book.append({
    category: 'lifecycle',
    action: 'guest_net_up',
    data: start,
    metadata: { source: 'lxc' },
  });
  await book.append({ category: 'port', action: 'port_attach', data: port, cause: 2, metadata: intent });
  const data = { ...port, ms: 84 };
  await book.append({
    category: 'port',
    action: 'port_attached',
    data,
    cause: 3,
    metadata: { kind: 'outcome' },
  });
  await book.append({ category: 'config', action: 'changed', data: { key: 'strict' } });
  const detach = { port: 'vi101', bridge: 'ovsbr0' };
  await book.append({ category: 'port', action: 'port_detach', data: detach, cause: 2, metadata: intent });
  await book.close();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function copy(name: string, change: (text: string) => string): string {
  const path = join(dir, name);
  writeFileSync(path, change(readFileSync(ledger, 'utf8')));
  return path;
}

const heights = (out: string[]) => out.map((line) => (JSON.parse(line) as { height: number }).height);

describe('ledger verify', () => {
  it('needs no agent and gives the head, and says that nothing vouches for it', async () => {
    const { code, out, err, calls } = await cli(['ledger', 'verify'], { ledger });
    expect([code, err, calls]).toEqual([10, [], []]);
    expect(out[0]).toMatch(/^OK: .*6 blocks, .*head #6 [0-9a-f]{64}$/);
  });

  it('ends with 20 at the first line that was changed', async () => {
    const path = copy('changed', (text) => text.replace('"ms":84', '"ms":85'));
    const { code, out } = await cli(['ledger', 'verify', path]);
    expect(code).toBe(20);
    expect(out[0]).toMatch(/^BROKEN: .*line 4, byte \d+, height 4/);
    expect((await cli(['ledger', 'verify', '--fast', path])).code).toBe(20);
    const json = await cli(['ledger', 'verify', '--json', path]);
    expect(JSON.parse(json.out.join('\n'))).toMatchObject({
      verdict: 'broken',
      first_bad: { height: 4, line: 4 },
    });
  });

  it('takes a torn tail for what it is', async () => {
    const path = copy('torn', (text) => text);
    appendFileSync(path, '{"block":{"action":"por');
    const { code, out } = await cli(['ledger', 'verify', path]);
    expect(code).toBe(11);
    expect(out.join(' ')).toContain('not tampering');
  });

  it('finds blocks cut off the end when it is given a head', async () => {
    const { out } = await cli(['ledger', 'verify', '--json'], { ledger });
    const { head } = JSON.parse(out.join('\n')) as { head: { height: number; hash: string } };
    const known = `${head.height}:${head.hash}`;
    const cut = copy('cut', (text) => text.split('\n').slice(0, 4).join('\n').concat('\n'));
    expect((await cli(['ledger', 'verify', cut])).code).toBe(10);
    expect((await cli(['ledger', 'verify', cut, '--head', known])).code).toBe(22);
    expect((await cli(['ledger', 'verify', ledger, '--head', known])).code).toBe(0);
  });

  it("demands of this host's own ledger what the agent remembers of it", async () => {
    const { out } = await cli(['ledger', 'verify', '--json'], { ledger });
    const { head } = JSON.parse(out.join('\n')) as { head: { height: number; hash: string } };
    const stateDir = mkdtempSync(join(dir, 'state-'));
    const remember = (path: string) =>
      writeFileSync(join(stateDir, 'ledger-head.json'), JSON.stringify({ path, ...head }));
    remember(ledger);
    expect((await cli(['ledger', 'verify'], { ledger, stateDir })).code).toBe(0);
    const empty = copy('empty', () => '');
    remember(empty);
    expect(await cli(['ledger', 'verify'], { ledger: empty, stateDir })).toMatchObject({ code: 22 });
    expect((await cli(['ledger', 'verify', empty], { stateDir })).code).toBe(10);
    remember(join(dir, 'gone'));
    const gone = await cli(['ledger', 'verify'], { ledger: join(dir, 'gone'), stateDir });
    expect([gone.code, gone.err[0]]).toEqual([22, expect.stringContaining('is gone: block 6')]);
  });

  it('says so when there is no file', async () => {
    const { code, err } = await cli(['ledger', 'verify', join(dir, 'none')]);
    expect(code).toBe(2);
    expect(err[0]).toMatch(/^There is no ledger at/);
  });
});

describe('ledger show', () => {
  it('shows one block with all it holds', async () => {
    const { code, out } = await cli(['ledger', 'show', '4'], { ledger });
    expect(code).toBe(0);
    expect(out).toContain('what       port port_attached');
    expect(out.join('\n')).toContain('ms = 84');
  });

  it('shows a range, both ends included', async () => {
    const { out } = await cli(['ledger', 'show', '2..4', '--json'], { ledger });
    expect(heights(out)).toEqual([2, 3, 4]);
  });

  it('picks a category, and a guest with its ports', async () => {
    const byCategory = await cli(['ledger', 'show', '--category', 'port', '--json'], { ledger });
    expect(heights(byCategory.out)).toEqual([3, 4, 6]);
    const byGuest = await cli(['ledger', 'show', '--guest', 'web', '--json'], { ledger });
    expect(heights(byGuest.out)).toEqual([2, 3, 4, 6]);
  });

  it.each([
    [
      ['--vmid', '101'],
      [3, 4, 6],
    ],
    [
      ['--port', 'vi101', '--action', 'port_attach*'],
      [3, 4],
    ],
    [['--guest', 'web', '--action', 'port_detach'], [6]],
    [['--by', 'root', '--category', 'config'], [5]],
    [['--pid', '1'], []],
    [['--since', '2000-01-01', '--until', 'now', '--category', 'bridge'], []],
    [
      ['3..4', '--guest', '101'],
      [3, 4],
    ],
    [
      ['4..', '--guest', 'web'],
      [4, 6],
    ],
    [['--until', '1999'.concat('-12')], []],
    [
      ['-n', '2'],
      [5, 6],
    ],
    [
      ['--category', 'port', '--limit', '2'],
      [3, 4],
    ],
  ])('finds what all filters let pass: %j', async (filters, found) => {
    const { out } = await cli(['ledger', 'show', '--json', ...filters], { ledger });
    expect(heights(out)).toEqual(found);
  });

  it('says where the next page begins', async () => {
    const page = async (...args: string[]) => (await cli(['ledger', 'show', ...args], { ledger })).err;
    expect(await page('--limit', '4')).toEqual(['There are more, from #5 on: the same command with 5..']);
    expect(await page('2..5', '--limit', '1')).toEqual([
      'There are more, from #3 on: the same command with 3..5',
    ]);
    expect(await page('--limit', '6')).toEqual([]);
  });

  it('shows the block of a hash, or of its beginning', async () => {
    const [text = ''] = (await cli(['ledger', 'show', '4', '--json'], { ledger })).out;
    const { hash } = JSON.parse(text) as { hash: string };
    for (const digits of [hash, hash.slice(0, 8).toUpperCase()]) {
      const { out } = await cli(['ledger', 'show', '--hash', digits], { ledger });
      expect(out).toContain('height     4');
    }
    expect((await cli(['ledger', 'show', '--hash', '0'.repeat(64)], { ledger })).code).toBe(1);
    expect((await cli(['ledger', 'show', '--hash', 'abc'], { ledger })).code).toBe(2);
  });

  it('ends with 1 when there is no such block', async () => {
    expect((await cli(['ledger', 'show', '--vmid', '555'], { ledger })).code).toBe(1);
    expect((await cli(['ledger', 'show', '99'], { ledger })).code).toBe(1);
    expect((await cli(['ledger', 'show', '--guest', 'nobody'], { ledger })).code).toBe(1);
  });

  it.each([
    ['show', ['ledger', 'show', '--json'], [2, 3, 4, 5, 6]],
    ['tail', ['ledger', 'tail', '--json'], [2, 3, 4, 5, 6]],
    ['events', ['events', '--json'], [2, 4, 6]],
  ])('goes on behind a line that is no block, and tells of it once: %s', async (_, args, rest) => {
    const path = copy('shape', (text) => text.replace('"pid":812', '"pid":"8"'));
    const { code, out, err } = await cli([...args, '--file', path]);
    expect([code, heights(out)]).toEqual([0, rest]);
    expect(err).toEqual([
      `One line of ${path} cannot be read and is left out, the first at byte 0. See: ovs-port-agent ledger verify`,
    ]);
  });
});

describe('ledger tail', () => {
  it('shows the last blocks, oldest first', async () => {
    const { out } = await cli(['ledger', 'tail', '-n', '2', '--json'], { ledger });
    expect(heights(out)).toEqual([5, 6]);
  });

  it('shows none when none are asked for', async () => {
    expect((await cli(['ledger', 'tail', '-n', '0'], { ledger })).out).toEqual([]);
  });

  it('ends well when following is interrupted', async () => {
    expect(await cli(['ledger', 'tail', '-n', '1', '-f'], { ledger })).toMatchObject({ code: 0, err: [] });
  });
});

describe('ledger stats', () => {
  it('counts', async () => {
    const { out } = await cli(['ledger', 'stats', '--json'], { ledger });
    expect(JSON.parse(out.join('\n'))).toMatchObject({
      total_blocks: 6,
      categories: { lifecycle: 2, port: 3, config: 1 },
    });
  });
});

describe('events', () => {
  it('tell what happened and what led to it, past the intent', async () => {
    const { code, out } = await cli(['events'], { ledger });
    expect(code).toBe(0);
    expect(out.map((line) => line.slice(21).replace(/ {2,}/g, '  '))).toEqual([
      '#1  agent  agent started  1.2.3',
      '#2  web  net-up (lxc)',
      '#4  vi101 web  port attached  on ovsbr0 (tap101i0), 84 ms  <- #2',
      '#6  vi101  port detach  on ovsbr0, begun, no outcome yet  <- #2',
    ]);
  });

  it('find the origin of an event whose intent is out of sight', async () => {
    const cut = copy('cut-events', (text) => text.split('\n').slice(0, 4).join('\n').concat('\n'));
    const { out } = await cli(['events', '-n', '1', '--json', '--file', cut]);
    expect(JSON.parse(out[0] ?? '')).toMatchObject({ height: 4, cause: 3, origin: 2 });
  });

  it('end well when following is interrupted', async () => {
    expect((await cli(['events', '--follow'], { ledger })).code).toBe(0);
  });
});

describe('ledger trace', () => {
  const tree = async (...args: string[]) => (await cli(['ledger', 'trace', ...args], { ledger })).out;
  // Without the times, and what there is no room for.
  const shape = (out: string[]) =>
    out.map((line) => line.replace(/(#\d+) {2}\S+ \S+ {2}(.{9}).*?( {2}<== this block)?$/, '$1 $2$3'));

  it('draws the way to a block and what came of it', async () => {
    expect(shape(await tree('3'))).toEqual([
      '#2 web  net-',
      '└─ #3 vi101 web  <== this block',
      '   └─ #4 vi101 web',
    ]);
    expect(shape(await tree('#2'))).toEqual([
      '#2 web  net-  <== this block',
      '├─ #3 vi101 web',
      '│  └─ #4 vi101 web',
      '└─ #6 vi101  po',
    ]);
    for (const height of ['1', '2', '3', '4', '5', '6'])
      for (const line of await tree(height)) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('says of an intent that it has no outcome only where it has none', async () => {
    const open = async (height: string) =>
      (await tree(height)).filter((line) => line.includes('begun')).map((line) => /#\d+/.exec(line)?.[0]);
    for (const height of ['3', '4']) expect(await open(height)).toEqual([]);
    expect(await open('2')).toEqual(['#6']);
    expect((await tree('2', '--limit', '1')).join()).not.toContain('begun');
  });

  it('draws no more than is asked for, and says how much is left', async () => {
    expect((await tree('2', '--limit', '1')).at(-1)).toBe('… and 2 more: --limit, or --json');
  });

  it('gives programs all of it', async () => {
    const found = JSON.parse((await tree('2', '--json')).join('\n')) as Record<string, { height: number }[]>;
    expect(found).toMatchObject({ causes: [], missing_cause: null, block: { height: 2 } });
    expect(found.effects?.map(({ height }) => height)).toEqual([3, 4, 6]);
  });

  it('says which cause is in no file any more', async () => {
    const path = copy('without-2', (text) => text.split('\n').slice(2).join('\n'));
    const { out } = await cli(['ledger', 'trace', '4', '--file', path]);
    expect(out[0]).toBe('(#2, which led to it, is in no file of this ledger)');
    expect((await cli(['ledger', 'trace', '2', '--file', path])).code).toBe(1);
    expect((await cli(['ledger', 'trace', 'two'], { ledger })).code).toBe(2);
  });
});

describe('ledger at', () => {
  const at = async (...args: string[]) => cli(['ledger', 'at', ...args], { ledger });

  it('shows the ports and what else there was', async () => {
    expect((await at('3')).out.slice(1)).toEqual(['', 'There was no port.']);
    const { code, out } = await at('#6');
    expect([code, out[0]]).toEqual([
      0,
      expect.stringMatching(/^After block #6, .*: the agent runs since .* \(#1\)$/),
    ]);
    const row = out.find((line) => line.startsWith('vi101')) ?? '';
    expect(row.split(/ {2,}/).slice(0, 6)).toEqual(['vi101', 'ovsbr0', 'tap101i0', 'web', '101', '-']);
    expect(JSON.parse((await at('2999-01', '--json')).out.join('\n'))).toMatchObject({
      height: 6,
      agent: { running: true, version: '1.2.3' },
      ports: [{ port: 'vi101', since: 4 }],
    });
  });

  it('says what is different between two moments, in their order', async () => {
    expect((await at('6', '--diff', '2')).out).toEqual([
      expect.stringMatching(/^From block #2, .*, to #6, .*:$/),
      '+ port vi101  guest=web bridge=ovsbr0 interface=tap101i0',
    ]);
    expect((await at('5', '--diff', '6')).out[1]).toBe('nothing is different');
    expect(JSON.parse((await at('1', '--diff', '6', '--json')).out.join('\n'))).toMatchObject({
      from: 1,
      to: 6,
      differences: [{ what: 'port', name: 'vi101', fields: [] }],
    });
  });

  it('says so when there is no such moment', async () => {
    expect(await at('7')).toMatchObject({ code: 1, err: [expect.stringContaining('no such block')] });
    expect((await at('2001-01-01')).code).toBe(1);
    expect((await at('6', '--diff', '99')).code).toBe(1);
    expect((await at('some day')).code).toBe(2);
  });
});

describe('ledger export', () => {
  it('prints the lines as they stand in the ledger, those that are wanted', async () => {
    const lines = readFileSync(ledger, 'utf8').trimEnd().split('\n');
    expect((await cli(['ledger', 'export'], { ledger })).out).toEqual(lines);
    expect((await cli(['ledger', 'export', '--json', '2..4', '--vmid', '101'], { ledger })).out).toEqual(
      lines.slice(2, 4),
    );
  });

  it('prints a table that holds every block whole, whatever names are in it', async () => {
    const path = join(mkdtempSync(join(dir, 'export-')), 'ledger.jsonl');
    const book = await openLedger({ path, hostname: 'pve1', bootId: 'boot-1', pid: 1, user: 'root' });
    const hostile = ['=cmd|"/c calc"!A1', '+1', '-1', '@x', 'a,"b"\r\nc', '\u202e\u001b[2J', ' pad '];
    for (const guest of hostile)
      await book.append({ category: 'port', action: 'x', data: { guest, vmid: 101 }, user: guest });
    await book.close();
    const { out } = await cli(['ledger', 'export', '--format', 'csv', '--file', path]);
    const [head, ...rows] = parseCsv(`${out.join('\n')}\n`);
    expect([head?.[0], head?.at(-1), rows.length]).toEqual(['height', 'hash', hostile.length]);
    const column = (name: string) => rows.map((row) => row[head?.indexOf(name) ?? -1] ?? '');
    for (const cell of rows.flat()) expect(cell).not.toMatch(/^[=+@\t\r]|^-(?!\d+$)|[\p{Cc}\p{Cf}]/u);
    expect(column('guest').slice(0, 4)).toEqual(hostile.slice(0, 4).map((name) => `'${name}`));
    expect(column('data').map((cell) => (JSON.parse(cell) as { guest: string }).guest)).toEqual(hostile);
    expect(
      (await cli(['ledger', 'export', '--format', 'csv', '--vmid', '555', '--file', path])).out,
    ).toHaveLength(1);
  });

  it('writes tiles only where there is a checkpoint', async () => {
    const { code, err } = await cli(['ledger', 'export', '--tiles', join(dir, 'tiles')], { ledger });
    expect([code, err[0]]).toEqual([1, expect.stringContaining('has no checkpoint')]);
  });

  it('keeps a terminal safe', async () => {
    const path = join(mkdtempSync(join(dir, 'export-')), 'ledger.jsonl');
    const book = await openLedger({ path, hostname: 'pve1', bootId: 'boot-1', pid: 1, user: '\u202e' });
    await book.append({ category: 'port', action: 'x', data: null });
    await book.close();
    expect((await cli(['ledger', 'export', '--file', path])).out[0]).toContain('\u202e');
    expect((await cli(['ledger', 'export', '--file', path], { width: 80 })).out.join('')).not.toContain(
      '\u202e',
    );
  });
});

/** RFC 4180. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,\r\n"]*))(,|\r\n|$)/g)) {
    if (end === '') break;
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end !== ',') rows.push([]);
  }
  return rows.slice(0, -1);
}

describe('ledger report', () => {
  it('tells who changed what, what failed, and what is known of the ledger', async () => {
    const { code, out } = await cli(['ledger', 'report'], { ledger });
    expect(code).toBe(0);
    const text = out.join('\n');
    for (const part of [
      /^Report on /,
      /6 blocks: #1 \(.*\) to #6 \(.*\), hash [0-9a-f]{64}/,
      /Integrity of the whole ledger\n {2}OK: /,
      /Who had what changed\n {2}COUNT +WHAT +BY +BECAUSE +OF +LAST\n/,
      /\n {2}1 +port_attached +root +guest_net_up \(lxc\) +vi101 +#4\n/,
      /What failed\n {2}begun and not finished in this time: #6/,
      /Checkpoints\n {2}none/,
      /Witnesses\n {2}none/,
    ])
      expect(text).toMatch(part);
  });

  it('gives programs all of it, and can leave the check out', async () => {
    const argv = ['ledger', 'report', '--since', '2000-01-01', '--until', '2999-01', '--json'];
    const whole = JSON.parse((await cli(argv, { ledger })).out.join('\n')) as Record<string, unknown>;
    expect(whole).toMatchObject({
      blocks: 6,
      open: [6],
      failure_count: 0,
      integrity: { verdict: 'unanchored' },
    });
    const { out } = await cli([...argv, '--no-verify'], { ledger });
    expect(JSON.parse(out.join('\n'))).toMatchObject({ integrity: null });
    const none = await cli(['ledger', 'report', '--until', '2000-01-01', '--no-verify'], { ledger });
    expect(none.out[2]).toBe('0 blocks: none in this time');
  });
});

describe('ledger index', () => {
  const own = async (text: string) => {
    const place = mkdtempSync(join(dir, 'index-'));
    const path = join(place, 'ledger.jsonl');
    writeFileSync(path, text);
    return path;
  };

  it('is made, checked and made anew', async () => {
    const path = await own(readFileSync(ledger, 'utf8'));
    for (const args of [[], ['--check'], ['--rebuild']]) {
      const { code, out } = await cli(['ledger', 'index', ...args, '--json'], { ledger: path });
      expect([code, JSON.parse(out.join('\n'))]).toEqual([0, { path, blocks: 0, segments: 1 }]);
    }
    expect((await cli(['ledger', 'index', '--file', path])).out).toEqual([
      `${path}: 0 blocks of 1 file in the index`,
    ]);
  });

  it('that is damaged is told, and mended by root', async () => {
    const path = await own(readFileSync(ledger, 'utf8'));
    const table = join(path, '..', 'ledger.d', 'index', 'active.runs');
    const show = async (isRoot: boolean, ...args: string[]) =>
      (await cli(['ledger', 'show', '--vmid', '101', '--json', ...args], { ledger: path, isRoot })).err;
    const told = (what: string) => [`The index of ${path} was damaged and was not believed. ${what}`];
    await cli(['ledger', 'index'], { ledger: path });
    writeFileSync(table, 'damaged');
    expect(await show(false)).toEqual(told('Make it anew: ovs-port-agent ledger index --check'));
    expect(await show(true, '--file', path)).toEqual(
      told('Make it anew: ovs-port-agent ledger index --check'),
    );
    expect(await show(true)).toEqual(told('It is made anew.'));
    expect(await show(true)).toEqual([]);
  });
});

describe('name', () => {
  it('prints the port name alone, for scripts', async () => {
    const state = { version: 1, allocations: { 'docker:web': { vmid: 1_000_005, releasedAt: null } } };
    writeFileSync(join(dir, 'vmids.json'), JSON.stringify(state));
    expect((await cli(['name', 'web', '1'], { stateDir: dir })).out).toEqual(['vi1000005i1']);
    expect((await cli(['name', '101', '0'], { stateDir: dir })).out).toEqual(['vi101']);
    const { out } = await cli(['name', 'new', '0', '--json'], { stateDir: dir });
    expect(JSON.parse(out.join('\n'))).toMatchObject({ port: 'vi1000000', state: 'would-get' });
  });

  it('leaves a damaged file alone and says so', async () => {
    writeFileSync(join(dir, 'vmids.json'), '{"version":');
    const { code, err } = await cli(['name', 'web', '0'], { stateDir: dir });
    expect(code).toBe(1);
    expect(err[0]).toContain('vmids.json is damaged');
    expect(readFileSync(join(dir, 'vmids.json'), 'utf8')).toBe('{"version":');
  });
});

describe('events that are chosen', () => {
  const chosen = async (...argv: string[]) =>
    heights((await cli(['events', '--json', ...argv], { ledger })).out);

  it('are of one guest, one action, one time', async () => {
    expect(await chosen('--guest', '101')).toEqual([4, 6]);
    expect(await chosen('--action', 'port_attached')).toEqual([4]);
    expect(await chosen('--action', 'guest_*')).toEqual([2]);
    expect(await chosen('--guest', 'web', '--action', 'port_*', '--since', '2000-01-01')).toEqual([4, 6]);
    expect(await chosen('--since', '2999-01-01')).toEqual([]);
    expect(await chosen('--guest', '101', '-n', '1')).toEqual([6]);
    expect(await chosen('--port', 'vi101', '--until', '2999-01')).toEqual([4, 6]);
    expect(await chosen('--action', 'port_attach')).toEqual([]);
    expect(await chosen('--action', 'port_detach')).toEqual([6]);
    expect((await cli(['events', '--since', 'some day'], { ledger })).code).toBe(2);
  });
});
