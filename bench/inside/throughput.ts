// Megabytes through a guarded port, with its rules and without any.

import { execFile, execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Row, row } from '../row.ts';
import { inTurns } from '../series.ts';
import { agentPid, withoutAgent } from './agent-process.ts';

const run = promisify(execFile);
const BRIDGE = 'ovsbr1';
/** In `allow_in` by default. */
const PORT = '51821';
const SECONDS = '2';
/** What the agent missed while it was frozen is not the next measurement's matter. */
const CATCH_UP_MS = 1_000;
const SAVED = '/tmp/bench-flows';
const OFCTL = ['-O', 'OpenFlow14'];

/** From the peer far away and from a neighbour on the bridge, both into `server`; Gbit/s. */
export async function measureThroughput(
  server: { pid: number; address: string },
  neighbour: { pid: number },
  turns: number,
): Promise<Row[]> {
  const listening = spawn('nsenter', [`--net=/proc/${server.pid}/ns/net`, 'iperf3', '-s', '-p', PORT], {
    stdio: 'ignore',
  });
  const client = ['iperf3', '-c', server.address, '-p', PORT, '-t', SECONDS, '-J'];
  const ways = {
    'from the internet': ['ip', 'netns', 'exec', 'remote', ...client],
    'from a neighbour': ['nsenter', `--net=/proc/${neighbour.pid}/ns/net`, ...client],
  };
  const rows: Row[] = [];
  const frozen = agentPid();
  try {
    for (const [way, command] of Object.entries(ways)) {
      const [guarded, bare]: [number[], number[]] = [[], []];
      await inTurns(
        turns,
        async () => void guarded.push(await rateOf(command)),
        // The agent would put its rules back.
        async () => {
          await withoutAgent(frozen, () =>
            withoutFlows(async () => {
              bare.push(await rateOf(command));
            }),
          );
          await pause(CATCH_UP_MS);
        },
      );
      const what = `Netmaker: throughput of a guarded port, ${way}`;
      rows.push(row(what, 'Gbit/s', guarded, { name: 'without any rule of ours', values: bare }, '>= 0.95'));
    }
  } finally {
    listening.kill();
  }
  return rows;
}

async function rateOf([command = '', ...args]: readonly string[]): Promise<number> {
  const { stdout } = await retried(() => run(command, args, { timeout: 20_000 }));
  const { end } = JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } };
  return end.sum_received.bits_per_second / 1e9;
}

/** The server needs a moment at first, and between two clients. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 10) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** Every port is an ordinary one of a learning switch meanwhile; then all is as before. */
async function withoutFlows(work: () => Promise<void>): Promise<void> {
  const dump = execFileSync('ovs-ofctl', [...OFCTL, '--no-stats', '--no-names', 'dump-flows', BRIDGE], {
    encoding: 'utf8',
  });
  const flows = dump.split('\n').filter((line) => line.includes('actions='));
  if (flows.length < 2) throw new Error('there are no rules to measure');
  writeFileSync(SAVED, `${flows.map((line) => line.trim()).join('\n')}\n`);
  execFileSync('ovs-ofctl', [...OFCTL, 'del-flows', BRIDGE]);
  execFileSync('ovs-ofctl', [...OFCTL, 'add-flow', BRIDGE, 'priority=0,actions=NORMAL']);
  try {
    await work();
  } finally {
    execFileSync('ovs-ofctl', [...OFCTL, '--bundle', 'add-flows', BRIDGE, SAVED]);
  }
}
