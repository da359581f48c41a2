// A Netmaker container from its start to its first packet under its public address, alone and fifty at once.

import { execFile, execFileSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Row, row } from '../row.ts';
import { inTurns, single } from '../series.ts';
import { agentPid, withoutAgent } from './agent-process.ts';
import { watchDockerStarts } from './docker-starts.ts';
import { type FirstPackets, watchFirstPackets } from './first-packets.ts';
import { measureThroughput } from './throughput.ts';

const run = promisify(execFile);
const WARM_UP = 2;
/** After a container's end the host is put in order, and so it is once the agent is no longer frozen: no start's matter. */
const SETTLE_MS = 2_000;
const REMOTE = '192.0.2.10';
/** How the host is seen when Docker translates. */
const HOST = '198.51.100.2';
const POOL = '203.0.113.';
/** A bridge that only `ovs-docker` uses, so that nothing of ours is in its way. */
const PEER = { bridge: 'ovsbr9', gateway: '198.18.0.1', address: '198.18.0.2' };
/** Sends from its first moment on, with whatever network there is. Silent: each line would be work for Docker's log. */
const sender = (seconds: number) => `while :; do ping -q -i ${seconds} ${REMOTE}; usleep 2000; done`;
const ALONE = sender(0.005);
/** Fifty that send as fast as one alone would be a load of their own. */
const IN_CROWD = sender(0.1);

export async function measureNetmaker(
  turns: number,
  crowd: number,
  say: (text: string) => void,
): Promise<Row[]> {
  execFileSync('docker-image');
  await preparePeer();
  const packets = await watchFirstPackets();
  const starts = watchDockerStarts();
  const known = new Set<string>();
  const agent = agentPid();
  // With them the gateway is there, as the peer's is.
  const [server, neighbour] = [await keeper('netmaker-server-1'), await keeper('netmaker-client-1')];
  let used = 0;

  /** Ms from the start event to the first packet under an address of the pool. */
  const ours = async (times: number[]) => {
    const name = `netmaker-bench-${used++}`;
    const sent = packets.fromNew(POOL, known, Date.now());
    await dockerRun(name);
    const { address, at } = await sent;
    known.add(address);
    times.push(at - (await starts.of(name)));
    await remove(name);
    known.delete(address);
  };

  const plain = (times: number[]) =>
    withoutAgent(agent, async () => {
      const name = `plain-${used++}`;
      const sent = packets.from(HOST, Date.now());
      await dockerRun(name);
      times.push((await sent) - (await starts.of(name)));
      await remove(name);
    });

  const ovsDocker = (times: number[]) =>
    withoutAgent(agent, async () => {
      const name = `peer-${used++}`;
      const sent = packets.from(PEER.address, Date.now());
      await dockerRun(name, ['--network', 'none']);
      const began = performance.timeOrigin + performance.now();
      const where = [`--ipaddress=${PEER.address}/24`, `--gateway=${PEER.gateway}`];
      await run('ovs-docker', ['add-port', PEER.bridge, 'ovs0', name, ...where]);
      times.push((await sent) - began);
      await run('ovs-docker', ['del-ports', PEER.bridge, name]);
      await remove(name);
    });

  const [mine, docker, peer]: [number[], number[], number[]] = [[], [], []];
  say('one at a time');
  await inTurns(
    WARM_UP,
    () => ours([]),
    () => ovsDocker([]).then(() => pause(SETTLE_MS)),
  );
  await inTurns(
    turns,
    () => ours(mine),
    async () => {
      await ovsDocker(peer);
      await plain(docker);
      await pause(SETTLE_MS);
    },
  );
  const what = 'Netmaker: start event to the first packet under its address';
  const rows = [
    row(what, 'ms', mine, { name: 'ovs-docker add-port, from its start', values: peer }, '< 1'),
    row(what, 'ms', mine, { name: "docker run -d without us, under the host's address", values: docker }),
  ];
  say('throughput');
  rows.push(...(await measureThroughput(server, neighbour, 9)));
  say(`${crowd} at once`);
  rows.push(...(await measureCrowd(crowd, packets, known, agent)));
  packets.close();
  starts.close();
  return rows;
}

/** All start together; the last one counts. */
async function measureCrowd(
  count: number,
  packets: FirstPackets,
  known: ReadonlySet<string>,
  agent: number,
): Promise<Row[]> {
  const names = (kind: string) => Array.from({ length: count }, (_, n) => `${kind}-crowd-${n}`);
  const seen = new Set(known);
  const since = Date.now();
  const last = async () => {
    let end = since;
    while (seen.size < known.size + count) {
      const { address, at } = await packets.fromNew(POOL, seen, since);
      seen.add(address);
      end = Math.max(end, at);
    }
    return end;
  };
  const [end] = await Promise.all([
    last(),
    ...names('netmaker').map((name) => dockerRun(name, [], IN_CROWD)),
  ]);
  const mine = end - since;
  const given = await Promise.all(names('netmaker').map((name) => addressOf(name)));
  await Promise.all(names('netmaker').map(remove));
  // Under one address of the host they cannot be told apart: all run when the commands are done.
  const peer = await withoutAgent(agent, async () => {
    const since = Date.now();
    await Promise.all(names('plain').map((name) => dockerRun(name, [], IN_CROWD)));
    const took = Date.now() - since;
    await Promise.all(names('plain').map(remove));
    return took;
  });
  const distinct = new Set(given).size;
  return [
    {
      what: `Netmaker: ${count} at once, to the first packet of the last one`,
      unit: 'ms',
      ours: single(mine, 1),
      peer: { name: `${count} × docker run -d without us`, ...single(peer, 1) },
      ratio: mine / peer,
      limit: '<= 1.8',
    },
    {
      what: `Netmaker: ${count} at once, different addresses`,
      unit: '',
      ours: single(distinct, 1),
      peer: { name: 'containers', ...single(count, 1) },
      ratio: distinct / count,
      limit: '>= 1',
    },
  ];
}

async function preparePeer(): Promise<void> {
  const script = `
    ovs-bridge ${PEER.bridge} ${PEER.gateway}/24
    ip -n isp route replace 198.18.0.0/24 via ${HOST}
    iptables -I DOCKER-USER -i ${PEER.bridge} -j ACCEPT
    iptables -I DOCKER-USER -o ${PEER.bridge} -j ACCEPT`;
  await run('sh', ['-ec', script]);
}

async function dockerRun(name: string, options: readonly string[] = [], sends = ALONE): Promise<void> {
  await run('docker', ['run', '--detach', '--name', name, ...options, 'opa-test', 'sh', '-c', sends]);
}

async function remove(name: string): Promise<void> {
  await run('docker', ['rm', '--force', name]);
  await pause(SETTLE_MS);
}

async function pidOf(name: string): Promise<number> {
  const { stdout } = await run('docker', ['inspect', '--format', '{{.State.Pid}}', name]);
  return Number(stdout);
}

async function addressOf(name: string): Promise<string> {
  const inside = [
    '--target',
    String(await pidOf(name)),
    '--net',
    'ip',
    '-json',
    '-4',
    'address',
    'show',
    'dev',
    'ovs0',
  ];
  const { stdout } = await run('nsenter', inside);
  const [link] = JSON.parse(stdout) as { addr_info: { local: string }[] }[];
  return link?.addr_info[0]?.local ?? '';
}

/** A container that stays, and is silent. */
async function keeper(name: string): Promise<{ pid: number; address: string }> {
  await run('docker', ['run', '--detach', '--name', name, 'opa-test']);
  await pause(3000);
  return { pid: await pidOf(name), address: await addressOf(name) };
}
