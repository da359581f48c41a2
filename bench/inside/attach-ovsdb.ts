// Attaching one port through OVSDB, through the agent and by `ovs-vsctl add-port`, with few and with many ports there.
//
// The bridges are the agent's own: NetworkManager has no part in it. On the netdev datapath ovs-vswitchd itself takes the
// longer for a port the more there are; the peer's growth beside ours tells whose part is what.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Row, row } from '../row.ts';
import { inTurns } from '../series.ts';
import { callAgent, tellAgent } from './agent-bus.ts';
import { agentPid, withoutAgent } from './agent-process.ts';
import { pidOf, ranOf, rested } from './rest.ts';
import { watchSwitch } from './switch-watch.ts';
import { openSystemBus } from './system-bus.ts';
import { makeNamespace, makeVeth, removeVeth } from './veths.ts';

const run = promisify(execFile);
const BRIDGE = 'ovsbr0';
const WARM_UP = 3;
/** VMID of the first port that only stands there, and of those that come and go. */
const CROWD = 1000;
const OURS = 8000;
const AT_ONCE = 25;
const TELL_EVERY = 10;
const FEW = 5;
const MANY = 500;
const COUNTS = [
  [FEW, 40],
  [100, 30],
  [MANY, 20],
] as const;
const PEER = 'ovs-vsctl add-port';

/** Milliseconds until the rows were in OVSDB, until the port could be used, and until the caller was told. */
interface Times {
  inserted: number[];
  /** Those that the agent and ovsdb-server ran meanwhile: on a machine with other work, what is left of its influence. */
  ran: number[];
  usable: number[];
  done: number[];
}

export async function measureOvsdb(say: (text: string) => void): Promise<Row[]> {
  const [bus, watch] = await Promise.all([openSystemBus(), watchSwitch()]);
  const pid = agentPid();
  const server = pidOf('ovsdb-server');
  const settle = rested([pid, pidOf('ovs-vswitchd'), server]);
  const ranUntilNow = () => ranOf(pid) + ranOf(server);
  let present = 0;
  let used = 0;

  const timed = async (times: Times, link: string, work: () => Promise<unknown>) => {
    const ran = ranUntilNow();
    const start = performance.now();
    const [inserted, usable] = [watch.inserted(link), watch.usable(link)];
    void inserted.then(() => times.ran.push(ranUntilNow() - ran)).catch(() => undefined);
    await work();
    const done = performance.now();
    times.inserted.push((await inserted) - start);
    times.usable.push((await usable) - start);
    times.done.push(done - start);
  };
  const removed = async (link: string) => {
    removeVeth(link);
    await watch.gone(link);
    await settle();
  };
  const guest = (vmid: number) => ({ vmid, link: `veth${vmid}i0`, bridge: BRIDGE });

  const ours = async (times: Times) => {
    const card = guest(OURS + used++);
    makeVeth(card.link);
    await settle();
    await timed(times, card.link, () => tellAgent(bus, 'net-up', card));
    await tellAgent(bus, 'net-down', card);
    await removed(card.link);
  };
  const peer = async (times: Times) => {
    // No guest's name: the agent has nothing to do with it when it goes on.
    const link = `peer${used++}`;
    makeVeth(link);
    await settle();
    await withoutAgent(pid, async () => {
      await timed(times, link, () => run('ovs-vsctl', ['add-port', BRIDGE, link]));
      await run('ovs-vsctl', ['del-port', BRIDGE, link]);
      await removed(link);
    });
    await callAgent(bus, 'Ping');
    await settle();
  };
  const crowd = async (count: number) => {
    while (present < count) {
      const some = Math.min(AT_ONCE, count - present);
      const nics = Array.from({ length: some }, (_, index) => guest(CROWD + present + index));
      for (const { link } of nics) makeVeth(link);
      await Promise.all(nics.map((card) => tellAgent(bus, 'net-up', card)));
      present += some;
      if (present % 100 === 0) say(`  ${present} ports`);
    }
  };

  const rows: Row[] = [];
  const seen = new Map<number, { agent: Times; vsctl: Times }>();
  makeNamespace();
  for (const [count, turns] of COUNTS) {
    say(`making ${count} ports`);
    await crowd(count);
    say(`attaching in turns, ${count} ports there`);
    const [agent, vsctl] = [emptyTimes(), emptyTimes()];
    await inTurns(
      WARM_UP,
      () => ours(emptyTimes()),
      () => peer(emptyTimes()),
    );
    await inTurns(
      turns,
      (turn) => {
        if (turn % TELL_EVERY === 0) say(`  turn ${turn} of ${turns}`);
        return ours(agent);
      },
      () => peer(vsctl),
    );
    seen.set(count, { agent, vsctl });
    const what = `OVSDB attach, ${count} ports there: event to`;
    const beside = (part: keyof Times) => ({ name: PEER, values: vsctl[part] });
    rows.push(row(`${what} rows in OVSDB`, 'ms', agent.inserted, beside('inserted'), '<= 0.5'));
    rows.push(row(`${what} usable port`, 'ms', agent.usable, beside('usable'), '<= 1.5'));
    rows.push(row(`${what} answer`, 'ms', agent.done, beside('done')));
  }
  bus.close();
  watch.close();
  return [...rows, ...growth(seen.get(FEW), seen.get(MANY))];
}

/** How much longer the same takes with many ports: ours, and the peer by itself. */
function growth(
  few: { agent: Times; vsctl: Times } | undefined,
  many: { agent: Times; vsctl: Times } | undefined,
): Row[] {
  if (few === undefined || many === undefined) return [];
  const what = (side: string, part: string) => `${side}, ${MANY} ports there: event to ${part}`;
  const name = `the same with ${FEW}`;
  const [rowsPart, usablePart] = ['rows in OVSDB', 'usable port'];
  return [
    row(what('OVSDB attach', rowsPart), 'ms', many.agent.inserted, { name, values: few.agent.inserted }),
    row(
      `${what('OVSDB attach', rowsPart)}, CPU of agent and ovsdb-server`,
      'ms',
      many.agent.ran,
      { name, values: few.agent.ran },
      '<= 1.3',
    ),
    row(what(PEER, rowsPart), 'ms', many.vsctl.inserted, { name, values: few.vsctl.inserted }),
    row(what('OVSDB attach', usablePart), 'ms', many.agent.usable, { name, values: few.agent.usable }),
    row(what(PEER, usablePart), 'ms', many.vsctl.usable, { name, values: few.vsctl.usable }),
  ];
}

const emptyTimes = (): Times => ({ inserted: [], ran: [], usable: [], done: [] });
