// Promises about `list`: one choice and one order in every format, nothing a reader can be hurt by, every reason told.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csv } from '../../../src/cli/render/csv.ts';
import { cells } from '../../../src/cli/render/table.ts';
import { yaml } from '../../../src/cli/render/yaml.ts';
import { cli, today } from './fake.ts';

const attached = {
  port: 'vi101',
  row: 'vi101',
  guest: 'shop',
  vmid: 101,
  nic: 0,
  runtime: 'proxmox-qemu',
  bridge: 'vmbr0',
  interface: 'tap101i0',
  driver: 'ovsdb',
  since: today(9, 0, 0),
  state: 'attached',
  reason: null,
  mac: 'bc:24:11:00:00:01',
  vlan: '20',
  ofport: 3,
  mtu: 1500,
  rx: 2048,
  tx: 100,
  health: 'ok',
};
const bare = { port: null, vmid: null, nic: null, bridge: null, health: null };
const guests = [
  {
    ...attached,
    port: 'vi1000000',
    row: 'vi1000000',
    guest: 'db',
    vmid: 1_000_000,
    runtime: 'lxc',
    bridge: 'ovsbr0',
  },
  {
    ...bare,
    guest: 'cache',
    runtime: 'docker',
    id: 'c'.repeat(64),
    state: 'unattached',
    reason: 'no label asks for it',
  },
  {
    ...bare,
    port: 'vi102',
    vmid: 102,
    nic: 0,
    guest: '=cmd|x',
    runtime: 'proxmox-lxc',
    bridge: 'vmbr9',
    state: 'waiting',
    reason: 'vmbr9 is a Linux bridge',
    code: 'bridge-not-ovs',
  },
  attached,
];
const DescribeGuests = JSON.stringify(guests);
const list = (...argv: string[]) => cli(['list', ...argv], { agent: { DescribeGuests } });
const names = (text: string[]) => text.slice(1).map((line) => line.split(/ {2,}/)[1]);

describe('list', () => {
  it('shows what has a port, by VMID, and says that something waits', async () => {
    const { code, out } = await list();
    expect(code).toBe(0);
    expect(out).toEqual([
      'PORT       GUEST  VMID     RUNTIME       BRIDGE  DRIVER  SINCE',
      'vi101      shop   101      proxmox-qemu  vmbr0   ovsdb   09:00:00',
      'vi1000000  db     1000000  lxc           ovsbr0  ovsdb   09:00:00',
      '1 more waits for a port: ovs-port-agent list --all',
    ]);
  });

  it('--all shows every guest, with the reason where it has no port', async () => {
    expect((await list('--all')).out).toEqual([
      'PORT       GUEST   VMID     RUNTIME       BRIDGE  STATE       REASON',
      'vi101      shop    101      proxmox-qemu  vmbr0   attached    -',
      'vi102      =cmd|x  102      proxmox-lxc   vmbr9   waiting     vmbr9 is a Linux bridge',
      'vi1000000  db      1000000  lxc           ovsbr0  attached    -',
      '-          cache   -        docker        -       unattached  no label asks for it',
    ]);
  });

  it('shows a port of which nothing is known among the others, as bad', async () => {
    const unknown = { ...attached, state: 'unknown', health: 'ovsdb-unreachable', reason: 'OVSDB is away' };
    const setting = { agent: { DescribeGuests: JSON.stringify([unknown]) } };
    expect((await cli(['list'], setting)).out[1]).toMatch(/^vi101 .* ovsdb-unreachable$/);
    expect((await cli(['list', '--all'], setting)).out[1]).toMatch(/ unknown +OVSDB is away$/);
    expect(names((await cli(['list', '--state', 'unknown'], setting)).out)).toEqual(['shop']);
  });

  it('chooses by bridge, runtime, state and guest', async () => {
    expect(names((await list('--bridge', 'ovsbr0')).out.slice(0, 2))).toEqual(['db']);
    expect(names((await list('--runtime', 'proxmox-qemu')).out.slice(0, 2))).toEqual(['shop']);
    expect(names((await list('--state', 'unattached')).out)).toEqual(['cache']);
    for (const wanted of ['102', 'vi102', '=cmd|x'])
      expect(names((await list('--guest', wanted)).out)).toEqual(['=cmd|x']);
    expect(names((await list('--guest', 'c'.repeat(12))).out)).toEqual(['cache']);
  });

  it('shows the columns that are asked for, alone or beside the usual ones', async () => {
    expect((await list('--columns', 'port,mac,vlan,ofport,rx,tx,mtu,health')).out.slice(0, 2)).toEqual([
      'PORT       MAC                VLAN  OFPORT  RX    TX    MTU   HEALTH',
      'vi101      bc:24:11:00:00:01  20    3       2.0K  100B  1500  ok',
    ]);
    expect((await list('--columns', '+mtu')).out[0]).toMatch(/SINCE +MTU$/);
    expect(await list('--columns', 'helth')).toMatchObject({
      code: 2,
      err: [expect.stringMatching(/^There is no column "helth"; did you mean health\?/)],
    });
  });

  it('has the same guests in the same order in every format', async () => {
    const order = ['shop', '=cmd|x', 'db', 'cache'];
    for (const format of ['table', 'wide'])
      expect(names((await list('--all', '--format', format)).out)).toEqual(order);
    const json = JSON.parse((await list('--all', '--json')).out.join('\n')) as { guest: string }[];
    expect(json.map(({ guest }) => guest)).toEqual(order);
    expect(json[0]).toEqual(attached);
    const text = (await list('--all', '--format', 'yaml')).out;
    expect(text.filter((line) => /^.{2}guest: /.test(line)).map((line) => JSON.parse(line.slice(9)))).toEqual(
      order,
    );
    const lines = (await list('--all', '--format', 'csv', '--columns', 'guest')).out.map((line) =>
      line.replace('\r', ''),
    );
    expect(lines).toEqual(['guest', 'shop', "'=cmd|x", 'db', 'cache']);
  });

  it('is no wider than the terminal', async () => {
    const long = guests.map((row) => ({
      ...row,
      guest: `${row.guest}-${'x'.repeat(60)}`,
      reason: 'why '.repeat(40),
    }));
    for (const argv of [['list'], ['list', '--all'], ['list', '--columns', '+health']]) {
      const { out } = await cli([...argv, '--color=never'], {
        agent: { DescribeGuests: JSON.stringify(long) },
        width: 80,
      });
      expect(out.filter((line) => cells(line) > 80)).toEqual([]);
      expect(out).toHaveLength(argv.includes('--all') ? 5 : 4);
    }
  });

  it('colours what is wrong, on a terminal only', async () => {
    const agent = { DescribeGuests };
    const red = (out: string[]) => out.filter((line) => line.startsWith('\u001b[31m'));
    expect(red((await cli(['list', '--all'], { agent, width: 200 })).out)).toHaveLength(1);
    expect(red((await cli(['list', '--all'], { agent })).out)).toHaveLength(0);
    expect(red((await cli(['list', '--all', '--json', '--color=always'], { agent })).out)).toHaveLength(0);
  });

  it('watches until it is interrupted', async () => {
    expect((await list('--watch')).out[1]).toMatch(/^vi101/);
    expect((await list('--watch', '0')).code).toBe(2);
  });

  it('has one form of time in an output', async () => {
    const before = {
      ...attached,
      vmid: 100,
      port: 'vi100',
      row: 'vi100',
      since: new Date(2026, 10, 20, 8, 0, 1).toISOString(),
    };
    const agent = { DescribeGuests: JSON.stringify([before, attached]) };
    const { out } = await cli(['list'], { agent });
    expect(out.slice(1).map((line) => line.split(/ {2,}/).at(-1))).toEqual([
      '2026-11-20 08:00:01',
      '2026-11-23 09:00:00',
    ]);
  });
});

describe('explain', () => {
  it('knows whatever list shows', async () => {
    const { healthy } = await import('../diagnose/doctor/healthy.ts');
    const setting = { agent: { DescribeGuests }, facts: healthy() };
    const unattached = await cli(['explain', 'cache'], setting);
    expect([unattached.code, unattached.out]).toEqual([
      0,
      ['cache (docker) has no port: no label asks for it', '  state  unattached'],
    ]);
    expect((await cli(['explain', 'c'.repeat(12)], setting)).out[0]).toMatch(/^cache /);
    const unknown = await cli(['explain', 'nobody'], setting);
    expect([unknown.code, unknown.err[0]]).toEqual([
      1,
      expect.stringContaining('There is no port, device or guest'),
    ]);
  });
});

describe('CSV', () => {
  it('is RFC 4180: a reader gets back what was written, and a spreadsheet no formula', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { minLength: 1, maxLength: 4 }),
        (texts) => {
          const columns = texts.map((_, at) => `c${at}`);
          const record = Object.fromEntries(texts.map((text, at) => [`c${at}`, text]));
          const [, line = ''] = csv(columns, [record]);
          const fields = parseCsv(`${line}\n`);
          expect(fields).toHaveLength(texts.length);
          for (const field of fields) expect(field).not.toMatch(/^[=+\-@\t\r]/);
          expect(fields.map((field) => field.replace(/^'(?=[=+\-@])/, ''))).toEqual(
            texts.map((text) =>
              /[\p{C}\u2028\u2029]/u.test(text) ? expect.anything() : text.replace(/^'(?=[=+\-@])/, ''),
            ),
          );
        },
      ),
    );
  });
});

/** One record of RFC 4180. */
function parseCsv(text: string): string[] {
  const fields = [];
  let at = 0;
  while (at < text.length) {
    const quoted = /^"((?:[^"]|"")*)"/.exec(text.slice(at));
    const field = quoted ? quoted[0] : (/^[^,\r\n]*/.exec(text.slice(at))?.[0] ?? '');
    fields.push(quoted ? (quoted[1] ?? '').replaceAll('""', '"') : field);
    at += field.length;
    if (text[at] === ',') at += 1;
    else break;
    if (text[at] === '\r') fields.push('');
    if (text[at] === '\r') break;
  }
  return fields;
}

describe('YAML', () => {
  it('is JSON behind every key, so that nothing is read as something else', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom('port', 'no', 'a b', 'vmid'),
          fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.array(fc.string())),
          { minKeys: 1 },
        ),
        (record) => {
          const lines = yaml([record]);
          const read = lines.map((line) => /^(?:- | {2})("(?:[^"\\]|\\.)*"|[a-z_]+): (.*)$/.exec(line));
          const entries = read.map((found) => [
            found?.[1]?.replace(/^"|"$/g, ''),
            JSON.parse(found?.[2] ?? ''),
          ]);
          expect(Object.fromEntries(entries)).toEqual(record);
        },
      ),
    );
    expect(yaml([])).toEqual(['[]']);
    expect(yaml([{ no: 'yes' }])).toEqual(['- "no": "yes"']);
  });
});
