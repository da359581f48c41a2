// The installed agent as a process: frozen while the peer is measured, and how much memory it holds.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const UNIT = 'ovs-port-agent.service';
const MIB = 1024;

export function agentPid(): number {
  return Number(
    execFileSync('systemctl', ['show', '--value', '--property=MainPID', UNIT], { encoding: 'utf8' }),
  );
}

export function restartAgent(): void {
  execFileSync('systemctl', ['restart', UNIT]);
}

/** Runs `work` with the agent stopped in its tracks: the peer is measured as if we were not installed. */
export async function withoutAgent<T>(pid: number, work: () => Promise<T>): Promise<T> {
  process.kill(pid, 'SIGSTOP');
  try {
    return await work();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

/** MiB resident, and MiB with shared pages counted by their share (proc(5), smaps_rollup). */
export function memoryOf(pid: number): { rss: number; pss: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / MIB;
  return { rss: field('Rss'), pss: field('Pss') };
}
