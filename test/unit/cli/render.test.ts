import { describe, expect, it } from 'vitest';
import { guestsSchema } from '../../../src/api/answers/guests.ts';
import { type Status, statusSchema } from '../../../src/api/answers/status.ts';
import { blockDetail, blockLine } from '../../../src/cli/render/block.ts';
import { eventLine } from '../../../src/cli/render/event.ts';
import { chosen, guestLines } from '../../../src/cli/render/guests.ts';
import { count, size } from '../../../src/cli/render/quantity.ts';
import { reportLines, reportsExitCode } from '../../../src/cli/render/reports.ts';
import { statsLines } from '../../../src/cli/render/stats.ts';
import { statusExitCode, statusText } from '../../../src/cli/render/status.ts';
import { table } from '../../../src/cli/render/table.ts';
import { localTime, shortTime, untilText } from '../../../src/cli/render/time.ts';
import { verdictLines } from '../../../src/cli/render/verdict.ts';
import { block, NOW, today } from './fake.ts';

const portTable = (ports: object[], now: Date) =>
  guestLines(chosen(guestsSchema.parse(ports), {}), {
    format: 'table',
    all: false,
    width: undefined,
    now,
  }).map(([line]) => line);

describe('a table', () => {
  it('lines its columns up, wide letters too, and ends no line with spaces', () => {
    expect(
      table([
        ['A', 'B'],
        ['服务', 'x'],
        ['e\u0301', 'y'],
        ['long', ''],
      ]),
    ).toEqual(['A     B', '服务  x', 'e\u0301     y', 'long']);
  });
});

describe('times', () => {
  it('are the clock today and the day before that', () => {
    expect(shortTime(today(9, 30, 5), NOW)).toBe('09:30:05');
    expect(shortTime(new Date(2026, 10, 20, 8, 5).toISOString(), NOW)).toBe('2026-11-20 08:05');
    expect(localTime(today(9, 30, 5))).toBe('2026-11-23 09:30:05');
  });

  it('that are none stay as they are', () => {
    expect([shortTime('soon', NOW), localTime('soon')]).toEqual(['soon', 'soon']);
  });

  it('to come are counted', () => {
    expect(untilText(today(9, 30, 44), NOW)).toBe('in 4 s');
    expect(untilText(today(9, 35, 40), NOW)).toBe('in 5 min');
    expect(untilText(today(9, 30, 0), NOW)).toBe('now');
  });
});

describe('amounts', () => {
  it('have their unit', () => {
    expect([count(1, 'block'), count(0, 'block')]).toEqual(['1 block', '0 blocks']);
    expect([size(1023), size(1536), size(3 * 2 ** 30)]).toEqual(['1023 bytes', '1.5 KiB', '3.0 GiB']);
  });
});

describe('the list of ports', () => {
  const port = {
    port: 'vi101',
    guest: 'web',
    vmid: 101,
    nic: 0,
    runtime: 'proxmox-qemu',
    bridge: 'ovsbr0',
    driver: 'networkmanager',
    since: today(9, 30, 5),
  };

  it('is sorted by VMID and NIC', () => {
    const second = { ...port, port: 'vi101i1', nic: 1 };
    const later = { ...port, port: 'vi1000000', vmid: 1_000_000, guest: 'db' };
    expect(portTable([later, second, port], NOW)).toEqual([
      'PORT       GUEST  VMID     RUNTIME       BRIDGE  DRIVER          SINCE',
      'vi101      web    101      proxmox-qemu  ovsbr0  networkmanager  09:30:05',
      'vi101i1    web    101      proxmox-qemu  ovsbr0  networkmanager  09:30:05',
      'vi1000000  db     1000000  proxmox-qemu  ovsbr0  networkmanager  09:30:05',
    ]);
  });

  it('has addresses where there are some', () => {
    const [head, first] = portTable([{ ...port, address: '10.0.0.2/24' }], NOW);
    expect(head).toMatch(/SINCE +ADDRESS$/);
    expect(first).toMatch(/10\.0\.0\.2\/24$/);
  });

  it('says under which name Open vSwitch has a port that keeps another', () => {
    const kept = { ...port, port: 'vi102', vmid: 102, row: 'tap102i0' };
    expect(portTable([{ ...port, row: 'vi101' }, kept], NOW)).toEqual([
      'PORT   GUEST  VMID  RUNTIME       BRIDGE  DRIVER          SINCE     IN OVS AS',
      'vi101  web    101   proxmox-qemu  ovsbr0  networkmanager  09:30:05  vi101',
      'vi102  web    102   proxmox-qemu  ovsbr0  networkmanager  09:30:05  tap102i0',
    ]);
    expect(portTable([{ ...port, row: 'vi101' }], NOW)[0]).not.toContain('IN OVS AS');
  });

  it('shows a guest with a hostile name as it is', () => {
    expect(portTable([{ ...port, guest: 'a\u001b[2J' }], NOW)[1]).toContain('a\\x1b[2J');
  });

  it('says so when there is none', () => {
    expect(portTable([], NOW)).toEqual(['No ports. A guest gets one when it starts.']);
  });
});

describe('the status', () => {
  const fine: Status = statusSchema.parse({
    hostname: 'pve1',
    pid: 812,
    since: today(8, 0, 0),
    ready: true,
    obstacle: null,
    networkmanager: { running: true, version: '1.52.1', ovs: true },
    ovsdb: { connected: true },
    docker: { enabled: true, connected: false },
    bridges: [
      { name: 'ovsbr0', present: true, datapath_type: '', owner: 'networkmanager', ports: 1 },
      { name: 'ovsbr1', present: false, datapath_type: null, owner: null, ports: 0 },
    ],
    ports: 1,
    waiting: [],
    spooled: 0,
    ledger: { path: '/var/lib/ovs-port-agent/ledger.jsonl', height: 42, hash: 'ab'.repeat(32) },
  });
  const pendingRetry = {
    port: 'vi101',
    bridge: 'ovsbr0',
    code: 'networkmanager-unavailable',
    reason: 'NetworkManager is away',
    attempts: 3,
    since: today(9, 30, 0),
    nextTry: today(9, 30, 44),
  };

  it('is short when all is well', () => {
    expect(statusText(fine, NOW)).toEqual([
      'pve1: ready (pid 812, up since 2026-11-23 08:00:00)',
      '  Open vSwitch    connected',
      '  NetworkManager  running 1.52.1, with OVS',
      '  Docker          not connected',
      '  bridges         ovsbr0  1 port   datapath system  owner networkmanager',
      '                  ovsbr1  MISSING',
      '  ports           1 (ovs-port-agent list)',
      '  ledger          height 42, abababababababab…, /var/lib/ovs-port-agent/ledger.jsonl',
      'Nothing waits.',
    ]);
    expect(statusExitCode(fine)).toBe(0);
  });

  describe('with Netmaker', () => {
    const netmaker = {
      enabled: true,
      mode: 'routed',
      pools: ['203.0.113.0/24', '2001:db8::/64'],
      addresses: 2,
      warning: null,
      problem: null,
    };
    const linesWith = (changed: object) =>
      statusText(statusSchema.parse({ ...fine, netmaker: { ...netmaker, ...changed } }), NOW);

    it('says in one line how containers come by public addresses, and how many there are', () => {
      expect(linesWith({})[4]).toBe(
        '  Netmaker        routed, 2 public addresses from 203.0.113.0/24, 2001:db8::/64',
      );
      expect(linesWith({ addresses: 1, pools: ['192.0.2.0/24'] })[4]).toBe(
        '  Netmaker        routed, 1 public address from 192.0.2.0/24',
      );
    });

    it('warns of a pool that nothing outside can reach, which is no reason to fail', () => {
      const warning = '203.0.113.0/24 is for documentation';
      expect(linesWith({ warning })[5]).toBe(
        '                  WARNING: 203.0.113.0/24 is for documentation',
      );
      expect(statusExitCode(statusSchema.parse({ ...fine, netmaker: { ...netmaker, warning } }))).toBe(0);
    });

    it('names what keeps the host from being the gateway, also before the first address', () => {
      const lines = linesWith({ addresses: 0, problem: 'nft is missing' });
      expect(lines[5]).toBe('                  NO GATEWAY: nft is missing');
    });

    it.each([{ addresses: 0 }, { enabled: false }])(
      'says nothing when there is nothing to say: %o',
      (none) => {
        expect(linesWith(none)).toEqual(statusText(fine, NOW));
      },
    );

    it('prints no control character of a problem', () => {
      expect(linesWith({ problem: 'bad \u001b[2J' }).join()).not.toContain('\u001b');
    });
  });

  it('says what waits, why, and when it is tried again', () => {
    const status = { ...fine, waiting: [pendingRetry] };
    expect(statusText(status, NOW).slice(-2)).toEqual([
      'Waiting:',
      '  vi101 on ovsbr0: NetworkManager is away [networkmanager-unavailable] (3 tries, since 09:30:00, next in 4 s)',
    ]);
    expect(statusExitCode(status)).toBe(1);
  });

  it('says why the agent is not ready', () => {
    const status = { ...fine, ready: false, obstacle: 'Open vSwitch does not answer' };
    expect(statusText(status, NOW)[0]).toContain('NOT READY: Open vSwitch does not answer');
    expect(statusExitCode(status)).toBe(1);
  });

  it('counts events in the spool as waiting', () => {
    const status = { ...fine, spooled: 2 };
    expect(statusText(status, NOW).at(-1)).toBe('  2 events in the spool');
    expect(statusExitCode(status)).toBe(1);
  });

  it('can be told of an agent that says little', () => {
    const status = statusSchema.parse({ ready: true, waiting: [] });
    expect(statusText(status, NOW)).toEqual(['this host: ready', 'Nothing waits.']);
  });
});

describe('a reconcile', () => {
  const report = { port: 'vi101', interface: 'tap101i0', bridge: 'ovsbr0' };

  it('says what it changed, and leaves out what was right', () => {
    const reports = [
      { ...report, state: 'attached' as const },
      { ...report, port: 'vi102', state: 'unchanged' as const },
    ];
    expect(reportLines(reports)).toEqual(['vi101 attached on ovsbr0 (tap101i0)', '2 ports: 1 changed']);
    expect(reportsExitCode(reports)).toBe(0);
  });

  it('ends with 1 when a port is not as it should be', () => {
    const reports = [{ ...report, state: 'held' as const, reason: 'no bridge' }];
    expect(reportLines(reports)).toEqual([
      'vi101 waits: no bridge',
      '1 port: nothing to change, 1 not as wanted',
    ]);
    expect(reportsExitCode(reports)).toBe(1);
  });
});

describe('an event', () => {
  const data = { port: 'vi101', interface: 'tap101i0', bridge: 'ovsbr0', vmid: 101, guest: 'web', ms: 84 };

  it('says when, what, with what result and why', () => {
    expect(eventLine(block({ data }), 40)).toBe(
      '2026-11-23 09:30:32  #42     vi101 web             port attached         on ovsbr0 (tap101i0), 84 ms  <- #40',
    );
  });

  it('of a guest names its source and phase', () => {
    const start = block({
      category: 'lifecycle',
      action: 'guest_pre_start',
      data: { vmid: 101, phase: 'pre-start' },
      metadata: { source: 'proxmox', kind: 'event', spooled: 'true' },
    });
    expect(eventLine(start, null)).toMatch(/101 +pre-start \(proxmox\) +from the spool$/);
  });

  it('that failed says why', () => {
    const failed = block({
      action: 'port_attach_failed',
      data: { ...data, error: 'no device [link-missing]' },
    });
    expect(eventLine(failed, null)).toMatch(/port attach failed.*no device \[link-missing\]$/);
  });

  it('of ports that changed together names the one, or counts them', () => {
    const back = (...ports: string[]) =>
      block({ action: 'port_handed_back', data: { ports: ports.map((port) => ({ port, row: 'x' })) } });
    expect(eventLine(back('vi101'), 41)).toMatch(/ vi101 +port handed back +<- #41$/);
    expect(eventLine(back('vi101', 'vi102'), 41)).toMatch(/ 2 ports +port handed back +<- #41$/);
  });

  it('that was begun and never finished says so', () => {
    const intent = block({ action: 'port_attach', data, metadata: { kind: 'intent' } });
    expect(eventLine(intent, null)).toContain('begun, no outcome yet');
  });

  it('that was skipped gives the reasons', () => {
    const skipped = block({
      category: 'lifecycle',
      action: 'guest_skipped',
      data: { name: 'db', phase: 'start', reasons: ['host network', 'no bridge'] },
    });
    expect(eventLine(skipped, 41)).toContain('host network; no bridge  <- #41');
  });

  it.each([null, 5, 'text', [1], { port: { a: 1 }, vmid: null, reasons: 'x' }, { ports: [1] }])(
    'with data we did not expect is a line all the same: %j',
    (odd) => expect(eventLine(block({ data: odd }), null)).toMatch(/^2026-11-23 09:30:32 {2}#42/),
  );

  it('cannot write to the terminal what is not text', () => {
    const hostile = block({ data: { ...data, guest: 'a\u001b[2J', error: 'b\nc' } });
    expect(eventLine(hostile, null)).not.toMatch(/\p{Cc}/u);
  });
});

describe('a block', () => {
  const data = { guest: 'a b', port: 'vi101', deep: { x: [1] } };

  it('fits on a line', () => {
    expect(blockLine(block({ data, cause: 41 }))).toBe(
      '2026-11-23 09:30:32  #42     port_attached           root    guest="a b" port=vi101 deep={"x":[1]}  <- #41',
    );
  });

  it('with much data stays readable on a line', () => {
    expect(blockLine(block({ data: { text: 'x'.repeat(5000) } })).length).toBeLessThan(260);
  });

  it('shows all it holds when asked for alone', () => {
    const lines = blockDetail(block({ data, metadata: { kind: 'outcome' }, cause: 41 }));
    expect(lines).toContain('cause      #41');
    expect(lines).toContain('data       guest = "a b"');
    expect(lines).toContain('           deep = {"x":[1]}');
    expect(lines).toContain(`hash       ${'b'.repeat(64)}`);
  });

  it('cannot write to the terminal what is not text', () => {
    const hostile = block({ user: 'r\u001b[2J', hostname: 'h\r', data: { 'k\u009b': 'v\u202e' } });
    expect([blockLine(hostile), ...blockDetail(hostile)].join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});

describe('the verdict on a ledger', () => {
  const head = { height: 41, hash: 'ab'.repeat(32) };
  const chain = { verdict: 'ok' as const, blocks: 41, bytes: 20_480, head };
  const fault = { height: 42, line: 42, offset: 20_480, expected: 'c0ffee', actual: 'decaf' };
  const result = {
    ...{ verdict: 'ok' as const, fault: undefined, chain, newest: undefined },
    ...{ witnesses: [], checkpoints: 0, unreadable: 0 },
  };

  it('gives the head to note down', () => {
    expect(verdictLines('/l', result)).toEqual([`OK: /l: 41 blocks, 20.0 KiB, head #41 ${head.hash}`]);
  });

  it('names the first bad line, its byte, and both values', () => {
    const lines = verdictLines('/l', { ...result, verdict: 'broken', fault: { ...fault, reason: 'hash' } });
    expect(lines[0]).toMatch(/^BROKEN: \/l: line 42, byte 20480, height 42: the block was changed/);
    expect(lines.slice(1, 3)).toEqual(['  expected  c0ffee', '  actual    decaf']);
    expect(lines.at(-1)).toContain('evidence');
  });

  it('does not call an unfinished last line tampering', () => {
    const torn = { ...fault, reason: 'torn' as const, actual: '14 bytes without a line end' };
    const lines = verdictLines('/l', { ...result, verdict: 'torn-tail', fault: torn });
    expect(lines[0]).toMatch(/^OK/);
    expect(lines.join(' ')).toContain('not tampering');
  });

  it.each([
    ['diverged', 'cut', 'blocks were cut off the end'],
    ['bad-signature', 'signature', 'not signed by the key of its time'],
    ['gap', 'lost', 'are gone, and the ledger itself says so'],
  ] as const)('says %s where that is so, and not that it is fine', (verdict, reason, words) => {
    const { line: _, offset: __, ...place } = fault;
    const lines = verdictLines('/l', { ...result, verdict, fault: { ...place, reason } });
    expect(lines[0]).toMatch(new RegExp(`^${verdict.toUpperCase()}: /l: height 42: .*${words}`));
  });

  it('says that nothing vouches for its length', () => {
    const unsigned = { height: 41, reason: 'checkpoint' as const, expected: 'a checkpoint', actual: 'none' };
    const lines = verdictLines('/l', { ...result, verdict: 'unanchored', fault: unsigned });
    expect(lines).toEqual([expect.stringMatching(/^OK/), expect.stringMatching(/^UNANCHORED: nothing says/)]);
  });

  it('shows a line that is not text without its control characters', () => {
    const bad = { ...fault, reason: 'frame' as const, actual: '\u001b[2J' };
    expect(verdictLines('/l', { ...result, verdict: 'broken', fault: bad })[2]).toBe('  actual    \\x1b[2J');
  });
});

describe('the statistics of a ledger', () => {
  it('begin with what there is most of', () => {
    const lines = statsLines('/l', {
      total_blocks: 3,
      last_timestamp: Math.floor(NOW.getTime() / 1000),
      categories: { bridge: 1, port: 2 },
      producers: { network: 3 },
      unique_users: ['root', 'uid:1000'],
      head_hash: 'ab'.repeat(32),
      first_timestamp: today(9, 0, 0),
      bytes: 2048,
    });
    expect(lines).toEqual([
      'ledger      /l',
      'blocks      3 (2.0 KiB)',
      'time        2026-11-23 09:00:00 to 2026-11-23 09:30:40',
      `head        #3 ${'ab'.repeat(32)}`,
      'users       root, uid:1000',
      'producers   3 network',
      'categories  2 port',
      '            1 bridge',
    ]);
  });
});
