// A Docker container from `docker run` to a port with its address inside, beside `ovs-docker`.

import { execFile, execFileSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Row, row } from '../row.ts';
import { inTurns } from '../series.ts';
import { agentPid, withoutAgent } from './agent-process.ts';
import { watchDockerStarts } from './docker-starts.ts';
import { type SwitchWatch, watchSwitch } from './switch-watch.ts';

const run = promisify(execFile);
const BRIDGE = 'ovsbr1';
const ADDRESS = '10.77.0.2/24';
const WARM_UP = 2;
const SETTLE_MS = 300;
const VMID = 7000;

/** Milliseconds from the command to the usable port, and the part after Docker said that the container runs. */
interface Times {
  whole: number[];
  after: number[];
}

export async function measureDocker(turns: number): Promise<Row[]> {
  execFileSync('docker-image');
  const watch = await watchSwitch();
  const starts = watchDockerStarts();
  const pid = agentPid();
  let used = 0;

  const ours = async (times: Times) => {
    const vmid = VMID + used++;
    const name = `ours-${vmid}`;
    const labels = { bridge: BRIDGE, address: ADDRESS, vmid: String(vmid) };
    const start = performance.now();
    const usable = watch.usable(`vi${vmid}`);
    await dockerRun(name, labels);
    const end = await usable;
    await checkAddress(name);
    times.whole.push(end - start);
    times.after.push(performance.timeOrigin + end - (await starts.of(name)));
    await remove(watch, name, `vi${vmid}`);
  };

  const bare = async (times: Times) => {
    const name = `peer-${used++}`;
    await withoutAgent(pid, async () => {
      const start = performance.now();
      await dockerRun(name, {});
      const running = performance.now();
      await run('ovs-docker', ['add-port', BRIDGE, 'ovs0', name, `--ipaddress=${ADDRESS}`]);
      const end = performance.now();
      await checkAddress(name);
      times.whole.push(end - start);
      times.after.push(end - running);
      await run('ovs-docker', ['del-ports', BRIDGE, name]);
      await run('docker', ['rm', '--force', name]);
    });
    await pause(SETTLE_MS);
  };

  await inTurns(
    WARM_UP,
    () => ours(emptyTimes()),
    () => bare(emptyTimes()),
  );
  const [agent, peer] = [emptyTimes(), emptyTimes()];
  await inTurns(
    turns,
    () => ours(agent),
    () => bare(peer),
  );
  watch.close();
  starts.close();
  return [
    row(
      'Docker: start event to usable port with address',
      'ms',
      agent.after,
      { name: 'ovs-docker add-port', values: peer.after },
      '< 1',
    ),
    row(
      'Docker: `docker run -d` to usable port with address',
      'ms',
      agent.whole,
      { name: 'docker run -d + ovs-docker add-port', values: peer.whole },
      '< 1',
    ),
  ];
}

const emptyTimes = (): Times => ({ whole: [], after: [] });

async function dockerRun(name: string, labels: Readonly<Record<string, string>>): Promise<void> {
  const args = Object.entries(labels).flatMap(([key, value]) => [
    '--label',
    `dev.ovs.portagent.${key}=${value}`,
  ]);
  await run('docker', ['run', '--detach', '--network', 'none', '--name', name, ...args, 'opa-test']);
}

async function checkAddress(name: string): Promise<void> {
  const { stdout } = await run('docker', ['exec', name, 'ip', '-4', 'addr', 'show', 'dev', 'ovs0']);
  if (!stdout.includes(ADDRESS)) throw new Error(`${name} has no ${ADDRESS} on ovs0: ${stdout}`);
}

async function remove(watch: SwitchWatch, name: string, link: string): Promise<void> {
  await run('docker', ['rm', '--force', name]);
  await watch.gone(link);
  await pause(SETTLE_MS);
}
