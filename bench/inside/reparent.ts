// A live guest's port moved to our name and back, while the guest is pinged every 5 ms; beside what Proxmox does itself.
//
// The driver's own transactions run here, without the agent: it would find the guest's port and move it by itself.

import { execFile, execFileSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { SwitchDriver } from '../../src/core/drivers/driver.ts';
import { ovsdbDriver } from '../../src/core/drivers/ovsdb/driver.ts';
import { observePorts } from '../../src/core/drivers/ovsdb/observe.ts';
import { openOvsdb } from '../../src/core/ovsdb/client.ts';
import type { DesiredPort } from '../../src/core/plan/desired.ts';
import type { ObservedPort } from '../../src/core/plan/observed.ts';
import type { Row } from '../row.ts';
import { inTurns, single } from '../series.ts';

const run = promisify(execFile);
const SOCKET = '/run/openvswitch/db.sock';
const BRIDGE = 'ovsbr0';
const PINGS = 1000;
const INTERVAL_S = 0.005;
/** When the port is moved, and when it is moved back, of the 5 s that the pings take. */
const MOVES_MS = [1_500, 3_500] as const;
const BOOT_S = 60;
/** Rounds in which nothing is done: what the machine loses by itself. */
const CONTROLS = 3;

interface LiveGuest {
  kind: string;
  vmid: number;
  link: string;
  address: string;
  create: readonly string[];
  start: readonly string[];
}

const GUESTS: readonly LiveGuest[] = [
  {
    kind: 'veth of a container',
    vmid: 200,
    link: 'veth200i0',
    address: '10.0.0.200',
    create: ['pct', 'create', '200', '--net0', `name=eth0,bridge=${BRIDGE},ip=10.0.0.200/24`],
    start: ['pct', 'start', '200'],
  },
  {
    kind: 'tap of a VM',
    vmid: 102,
    link: 'tap102i0',
    address: '10.0.0.102',
    create: ['qm', 'create', '102', '--net0', `virtio,bridge=${BRIDGE}`, '--ipconfig0', 'ip=10.0.0.102/24'],
    start: ['qm', 'start', '102'],
  },
];

export async function measureReparent(rounds: number, say: (text: string) => void): Promise<Row[]> {
  command(['systemctl', 'stop', 'ovs-port-agent.service']);
  command(['ip', 'address', 'replace', '10.0.0.1/24', 'dev', BRIDGE]);
  const ovsdb = openOvsdb(SOCKET);
  await ovsdb.until('OVSDB', 5_000, ({ rows }) => rows('Open_vSwitch').size || undefined);
  const driver = ovsdbDriver({ ovsdb, bootId: 'bench', bringUp: async () => {} });
  const portOf = (link: string): ObservedPort => {
    const found = observePorts(ovsdb.replica).find((port) => port.interface === link);
    if (found === undefined) throw new Error(`${link} is in no port`);
    return found;
  };
  const rows: Row[] = [];
  for (const guest of GUESTS) {
    say(`starting a guest: ${guest.kind}`);
    command(guest.create);
    command(guest.start);
    await answers(guest.address);
    const lost = { ours: 0, peer: 0, control: 0 };
    for (let round = 0; round < CONTROLS; round++) lost.control += await lostWhile(guest.address, []);
    say(`moving the port of it, ${rounds} rounds`);
    await inTurns(
      rounds,
      async () => {
        lost.ours += await lostWhile(guest.address, movesOf(driver, guest, portOf));
      },
      async () => {
        lost.peer += await lostWhile(guest.address, [replug(guest), replug(guest)]);
      },
    );
    const what = (how: string) => `${guest.kind}, ${how}: pings lost`;
    rows.push(
      lostRow(what('port moved and moved back'), lost.ours, rounds, '<= 0'),
      lostRow(what('`del-port -- add-port` twice'), lost.peer, rounds),
      lostRow(what('nothing done'), lost.control, CONTROLS),
    );
  }
  await ovsdb.close();
  return rows;
}

function movesOf(driver: SwitchDriver, { vmid, link }: LiveGuest, portOf: (link: string) => ObservedPort) {
  const desired: DesiredPort = {
    port: `vi${vmid}`,
    interface: link,
    bridge: BRIDGE,
    guest: { runtime: 'proxmox-lxc', vmid, name: String(vmid) },
    nic: 0,
  };
  return [
    () => driver.adopt(desired, portOf(link)),
    () => driver.restoreName({ ...desired, row: link }, portOf(link)),
  ];
}

/** What Proxmox does with a card whose tag or bridge is changed; here in one transaction, as fast as it can be. */
function replug({ link }: LiveGuest) {
  return () => run('ovs-vsctl', ['del-port', BRIDGE, link, '--', 'add-port', BRIDGE, link]);
}

async function lostWhile(
  address: string,
  addressTransfers: readonly (() => Promise<unknown>)[],
): Promise<number> {
  const pings = run('ping', [
    '-n',
    '-q',
    '-i',
    String(INTERVAL_S),
    '-c',
    String(PINGS),
    '-W',
    '2',
    address,
  ]).catch((error: { stdout: string }) => error);
  const began = performance.now();
  for (const [index, move] of addressTransfers.entries()) {
    await pause(Math.max(0, (MOVES_MS[index] ?? 0) - (performance.now() - began)));
    await move();
  }
  const { stdout } = await pings;
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
  if (Number(sent) !== PINGS) throw new Error(`ping of ${address}: ${stdout}`);
  return PINGS - Number(received);
}

/** A median would hide the one round that lost something: the sum is what counts. */
function lostRow(what: string, lost: number, rounds: number, limit?: string): Row {
  const sent = rounds * PINGS;
  const peer = { name: 'sent, one every 5 ms', ...single(sent, rounds) };
  return {
    what,
    unit: 'pings',
    ours: single(lost, rounds),
    peer,
    ratio: lost / sent,
    ...(limit === undefined ? {} : { limit }),
  };
}

function command([file = '', ...args]: readonly string[]): void {
  execFileSync(file, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

async function answers(address: string): Promise<void> {
  await run('timeout', [String(BOOT_S), 'sh', '-c', `until ping -c1 -W1 ${address} >/dev/null; do :; done`]);
}
