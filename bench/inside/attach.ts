// Attaching one port through NetworkManager, through the agent and by bare D-Bus calls, with few and with many ports there.

import { setTimeout as pause } from 'node:timers/promises';
import { type Row, row } from '../row.ts';
import { inTurns } from '../series.ts';
import { callAgent, tellAgent } from './agent-bus.ts';
import { agentPid, withoutAgent } from './agent-process.ts';
import { type BareNetworkManager, openBareNetworkManager } from './bare-networkmanager.ts';
import { type SwitchWatch, watchSwitch } from './switch-watch.ts';
import { makeVeth, removeVeth } from './veths.ts';

const BRIDGE = 'ovsbr0';
const WARM_UP = 3;
/** NetworkManager and ovs-vswitchd go on working for a while after a port has come or gone. */
const SETTLE_MS = 150;
/** VMID of the first port that only stands there. */
const CROWD = 1000;
/** VMIDs of the ports that come and go. */
const OURS = 8000;
const BARE = 9000;

/** Milliseconds until the port could be used, and until the caller was told. */
interface Times {
  usable: number[];
  done: number[];
}

export interface AttachBench {
  /** Adds ports until there are `count` beside those that are measured. */
  crowd(count: number): Promise<void>;
  /** Measures both sides in turns, with the crowd as it is. */
  measure(turns: number): Promise<Row[]>;
  close(): void;
}

export async function openAttachBench(): Promise<AttachBench> {
  const [bus, watch] = await Promise.all([openBareNetworkManager(), watchSwitch()]);
  const pid = agentPid();
  let present = 0;
  let used = 0;

  const timed = async (times: Times, link: string, work: () => Promise<unknown>) => {
    const start = performance.now();
    const usable = watch.usable(link);
    await work();
    const done = performance.now();
    times.usable.push((await usable) - start);
    times.done.push(done - start);
  };

  const ours = async (times: Times) => {
    const vmid = OURS + used++;
    const link = await freshVeth(bus, vmid);
    await timed(times, link, () => tellAgent(bus, 'net-up', { vmid, link, bridge: BRIDGE }));
    await tellAgent(bus, 'net-down', { vmid, link, bridge: BRIDGE });
    await removed(watch, link);
  };

  const bare = async (times: Times) => {
    const vmid = BARE + used++;
    const link = await freshVeth(bus, vmid);
    await withoutAgent(pid, async () => {
      let profiles: string[] = [];
      await timed(times, link, async () => {
        profiles = await bus.attach({ bridge: BRIDGE, port: `vi${vmid}`, interface: link });
        await watch.usable(link);
      });
      await bus.remove(profiles);
      await removed(watch, link);
    });
    await callAgent(bus, 'Ping');
    await pause(SETTLE_MS);
  };

  return {
    async crowd(count) {
      for (; present < count; present++) {
        const vmid = CROWD + present;
        const link = await freshVeth(bus, vmid);
        await tellAgent(bus, 'net-up', { vmid, link, bridge: BRIDGE });
      }
    },
    async measure(turns) {
      const [agent, peer]: [Times, Times] = [emptyTimes(), emptyTimes()];
      await inTurns(
        WARM_UP,
        () => ours(emptyTimes()),
        () => bare(emptyTimes()),
      );
      await inTurns(
        turns,
        () => ours(agent),
        () => bare(peer),
      );
      const name = 'bare D-Bus calls';
      return [
        row(
          `attach, ${present} ports there: event to usable port`,
          'ms',
          agent.usable,
          { name, values: peer.usable },
          '<= 1.2',
        ),
        row(
          `attach, ${present} ports there: event to answer`,
          'ms',
          agent.done,
          { name, values: peer.done },
          '<= 1.5',
        ),
      ];
    },
    close() {
      bus.close();
      watch.close();
    },
  };
}

const emptyTimes = (): Times => ({ usable: [], done: [] });

/** A card that NetworkManager knows already: whoever attaches it need not wait for that. */
async function freshVeth(bus: BareNetworkManager, vmid: number): Promise<string> {
  const link = `veth${vmid}i0`;
  makeVeth(link);
  while ((await bus.device(link)) === undefined) await pause(5);
  await pause(SETTLE_MS);
  return link;
}

async function removed(watch: SwitchWatch, link: string): Promise<void> {
  removeVeth(link);
  await watch.gone(link);
  await pause(SETTLE_MS);
}
