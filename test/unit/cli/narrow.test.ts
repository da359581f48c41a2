// Every verb that shows something, with names that are long and mean harm, on a terminal of 80 columns.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cells } from '../../../src/cli/render/table.ts';
import { openLedger } from '../../../src/core/ledger/index.ts';
import { containerReport } from '../../../src/netmaker/report.ts';
import { healthy } from '../diagnose/doctor/healthy.ts';
import { proxmox } from '../diagnose/doctor/variants.ts';
import { AT, peer, sight, wg } from '../netmaker/wireguard/sights.ts';
import { cli, NOW, today, tree, verbPaths } from './fake.ts';

const LONG = `東京-${'very-long-name-'.repeat(12)}\u001b[2J\u202e$(reboot)`;
const WHY = `${'it is not as it should be, '.repeat(8)}${LONG}`;

let directory: string;
let ledger: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'narrow-'));
  ledger = join(directory, 'ledger.jsonl');
  const book = await openLedger({ path: ledger, hostname: 'h', bootId: 'boot-1', pid: 1, user: 'root' });
  const data = { port: 'vi101', bridge: LONG, guest: LONG, interface: LONG, reason: WHY, error: WHY };
  for (const action of ['port_attach_failed', 'guest_skipped', 'port_attached'])
    await book.append({ category: 'port', action, data, metadata: { kind: 'outcome', note: LONG } });
  await book.close();
});
afterAll(() => rm(directory, { recursive: true }));

const guest = {
  port: 'vi1000000',
  row: 'vi1000000',
  guest: LONG,
  vmid: 1_000_000,
  nic: 0,
  runtime: 'proxmox-qemu',
  bridge: LONG,
  interface: LONG,
  driver: 'networkmanager',
  since: today(9, 0, 0),
  address: '2001:db8:1234:5678:9abc:def0:1234:5678/64',
  state: 'attached',
  reason: WHY,
  health: 'port-not-usable',
};
const lease = {
  address: '2001:db8:1234:5678:9abc:def0:1234:5678',
  family: 6,
  name: LONG,
  key: `group:${LONG}`,
  state: 'cooling',
  since: new Date(NOW.getTime() - 2e9).toISOString(),
  until: new Date(NOW.getTime() + 9e7).toISOString(),
  static: true,
};
const report = containerReport(
  {
    container: LONG,
    id: 'ab'.repeat(32),
    image: LONG,
    decision: 'attached',
    reason: WHY,
    mode: 'routed',
    role: 'client',
    port: 'vi1000001',
    addresses: ['203.0.113.103', '2001:db8:1234:5678:9abc:def0:1234:5678'],
    mesh: sight([wg([peer(1, { rx: 20 * 1024 * 1024, tx: 1500 })])]),
    spoofed: { mac: 1, arp: 2, nd: 0, ipv4: 4, ipv6: 0 },
  },
  AT,
);
const left = containerReport(
  { container: LONG, id: 'cd'.repeat(32), image: LONG, decision: 'skipped', reason: WHY, mode: 'routed' },
  AT,
);
const attested = {
  container: LONG,
  addresses: ['203.0.113.8', '2001:db8::8'],
  verdict: 'behind_nat',
  mapped: '2001:db8:1234:5678:9abc:def0:1234:5678',
  local: '203.0.113.8',
  server: `[2001:db8:ffff::1]:3478`,
  reason: WHY,
  rtt_ms: 123.4,
};
const port = {
  port: 'vi1000000i12',
  interfaces: [LONG],
  tag: 4000,
  trunks: Array.from({ length: 60 }, (_, n) => n + 100),
  guest: LONG,
  runtime: 'proxmox-qemu',
  driver: 'networkmanager',
  operstate: 'unknown',
  problem: WHY,
};
const answers = {
  GetStatus: JSON.stringify({
    ready: false,
    obstacle: WHY,
    hostname: LONG,
    pid: 1,
    since: today(8, 0, 0),
    waiting: [
      { port: 'vi101', bridge: LONG, code: 'link-missing', reason: WHY, attempts: 3, since: today(9, 0, 0) },
    ],
    health: [{ subject: 'bridge', name: LONG, fault: 'x', text: WHY, remedy: WHY }],
    bridges: [{ name: LONG, present: true, datapath_type: LONG, owner: LONG, driver: LONG, ports: 12 }],
    ledger: { path: `/${LONG}`, height: 1, hash: 'ab'.repeat(32) },
  }),
  DescribeGuests: JSON.stringify([guest, { ...guest, port: null, state: 'skipped', health: null }]),
  ListNetmakerLeases: JSON.stringify([lease]),
  ListNetmakerContainers: JSON.stringify([report, left]),
  AttestNetmaker: JSON.stringify([attested]),
  Reconcile: JSON.stringify([
    { port: 'vi101', interface: LONG, bridge: LONG, state: 'held', reason: WHY, code: 'link-missing' },
  ]),
  GetSystemNetworkState: JSON.stringify({
    networkmanager: {
      version: '1.58',
      state: LONG,
      connectivity: 'full',
      active_connections: 3,
      total_connections: 5,
      devices: 9,
    },
    ovs_bridges: [{ name: LONG, ports: [], interfaces: [], active: true, datapath_type: 'system' }],
    interface_bindings: {},
    connectivity_status: {
      internet_reachable: null,
      dns_working: null,
      default_route: `via 192.0.2.1 dev ${LONG}`,
      uplink_status: LONG,
    },
    timestamp: today(9, 0, 0),
  }),
  GetBridgeTopology: JSON.stringify({
    interfaces: [LONG],
    nm_connection: LONG,
    ovs_show: LONG,
    ports: [LONG],
    details: {
      owner: LONG,
      driver: 'ovsdb',
      obstacle: null,
      datapath_type: 'netdev',
      ovs_version: '3.5.0',
      active: false,
      problem: WHY,
      ports: [port, { ...port, problem: null }],
    },
  }),
  ValidateBridgeConnectivity: JSON.stringify({
    bridge_active: true,
    bridge_synchronization: { vi1: false },
    connectivity_preserved: false,
    nm_connection_exists: false,
    ovs_bridge_exists: true,
  }),
};
const facts = healthy(proxmox({ tree: { state: 'unavailable', reason: WHY } }));

const shown = (argv: string, width = 80) =>
  cli([...argv.split(' '), '--color=never'], { agent: answers, facts, ledger, width, isRoot: true });

describe('no line is wider than the terminal, and none can do anything to it', () => {
  it.each([
    'status',
    'list --all',
    'list --format wide',
    'doctor',
    'explain 101',
    'events',
    'ledger tail',
    'ledger show 2',
    'ledger show 1..3',
    'ledger stats',
    'ledger verify',
    'introspect',
    'introspect br0',
    'netmaker list',
    'netmaker list --all',
    'netmaker leases',
    'netmaker attest',
    'reconcile',
    'config show',
  ])('%s', async (argv) => {
    for (const width of [80, 60, 120]) {
      const { out, err } = await shown(argv, width);
      expect([err.filter((line) => !/^\S+: /.test(line)), out.length]).toEqual([[], expect.any(Number)]);
      expect(out.length).toBeGreaterThan(0);
      if (!argv.endsWith('wide')) expect(out.filter((line) => cells(line) > width)).toEqual([]);
      expect(out.join('\n')).not.toMatch(/\p{Cf}|\p{Cc}(?<!\n)/u);
    }
  });
});

describe('a table', () => {
  it.each([
    ['netmaker leases', 2],
    ['netmaker list', 2],
    ['netmaker attest', 2],
  ])('of %s has a line for each row', async (argv, rows) => {
    const { out } = await shown(argv);
    const [head = ''] = out;
    expect(head).toMatch(/^[A-Z]/);
    expect(out.slice(1, rows).every((line) => line.includes('…') && !line.startsWith(' '))).toBe(true);
  });

  it('of netmaker list says what it has no room for, and keeps addresses whole where it can', async () => {
    const one = { ...report, container: 'netclient-a', addresses: ['203.0.113.103', '2001:db8::3'] };
    const { out } = await cli(['netmaker', 'list'], {
      agent: { ListNetmakerContainers: JSON.stringify([one]) },
      width: 80,
    });
    expect(out[1]).toContain('203.0.113.103,2001:db8::3');
    expect(out[2]).toMatch(/^No room here for RX\/TX, HANDSHAKE(?:, ROLE)?(?:, SPOOFED)?; --json has all\.$/);
  });

  it('of introspect tells what is wrong with a port below, whole', async () => {
    const { out } = await shown('introspect br0');
    expect(out.join(' ').replace(/\s+/g, ' ')).toContain('vi1000000i12: it is not as it should be,');
  });
});

describe('the manual', () => {
  const manual = readFileSync(new URL('../../../docs/ovs-port-agent.8', import.meta.url), 'utf8')
    .replaceAll('\\-', '-')
    .replace(/\\f[BIRP]/g, '');

  it.each(verbPaths().filter(Boolean))('tells of %s and its options', (path) => {
    let at = tree();
    for (const word of path.split(' ')) at = at.commands.find((command) => command.name() === word) ?? at;
    if (at.commands.length > 0) return;
    // `proxmox interfaces show | apply | remove` stand in one line.
    const [, group, verb] = /^(proxmox interfaces) (.*)$/.exec(path) ?? [];
    if (group) expect(manual).toMatch(new RegExp(`^\\.BR? "${group} .*\\b${verb}\\b`, 'm'));
    else expect(manual).toMatch(new RegExp(`^\\.BR? (?:"?${path})(?:[ "]|$)`, 'm'));
    // Each verb has --json, which the manual says once.
    const options = at.options.flatMap(({ long }) => long ?? []).filter((name) => name !== '--json');
    expect(options.filter((name) => !manual.includes(name))).toEqual([]);
  });
});

describe('times', () => {
  const ISO = /\d{4}-\d\d-\d\dT\d\d:\d\d/;
  it.each(['status', 'list', 'events', 'ledger tail', 'ledger stats', 'netmaker leases', 'explain 101'])(
    '%s shows people local time, and programs RFC 3339',
    async (argv) => {
      expect((await shown(argv)).out.join('\n')).not.toMatch(ISO);
    },
  );
  it.each(['status', 'list', 'events', 'ledger tail', 'netmaker leases'])('%s --json', async (argv) => {
    expect((await shown(`${argv} --json`)).out.join('\n')).toMatch(ISO);
  });
});
