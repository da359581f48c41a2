// The memory that the agent holds, beside a Node process that does nothing.

import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { type Row, row } from '../row.ts';
import { agentPid, memoryOf, restartAgent } from './agent-process.ts';

const LOOKS = 5;
const SETTLE_MS = 5_000;

/** `what` says in which state the agent is; `fresh` starts it anew first. `limit` is of the resident memory. */
export async function measureMemory(what: string, fresh: boolean, limit: string): Promise<Row[]> {
  if (fresh) restartAgent();
  const idle = spawn('/usr/bin/node', ['-e', 'setInterval(() => {}, 1e6)']);
  try {
    await pause(SETTLE_MS);
    const ours: ReturnType<typeof memoryOf>[] = [];
    const peer: ReturnType<typeof memoryOf>[] = [];
    for (let look = 0; look < LOOKS; look++) {
      ours.push(memoryOf(agentPid()));
      peer.push(memoryOf(idle.pid ?? 0));
      await pause(500);
    }
    const name = 'an idle node';
    return (['rss', 'pss'] as const).map((kind) =>
      row(
        `memory (${kind.toUpperCase()}), ${what}`,
        'MiB',
        ours.map((look) => look[kind]),
        { name, values: peer.map((look) => look[kind]) },
        kind === 'rss' ? limit : undefined,
      ),
    );
  } finally {
    idle.kill('SIGKILL');
  }
}
