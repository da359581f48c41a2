// Waits until daemons have nothing left to do: what one turn leaves behind is no part of the next one's time.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const CHECK_MS = 30;
/** Looks one after another without a tick of CPU time; a tick is 10 ms. */
const QUIET_LOOKS = 5;
/** What a daemon does by itself now and then (statistics, timers) never ends. */
const AT_MOST_MS = 3_000;

export function pidOf(name: string): number {
  return Number(execFileSync('pidof', ['-s', name], { encoding: 'utf8' }));
}

/** Milliseconds that the process's main thread has run so far (proc_pid_schedstat: the first number, in nanoseconds). */
export function ranOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[0]) / 1e6;
}

/** Gives what resolves once all of these have rested for a moment, or after three seconds. */
export function rested(pids: readonly number[]): () => Promise<void> {
  return async () => {
    const end = performance.now() + AT_MOST_MS;
    let last = ticks(pids);
    for (let quiet = 0; quiet < QUIET_LOOKS && performance.now() < end; ) {
      await pause(CHECK_MS);
      const now = ticks(pids);
      quiet = now === last ? quiet + 1 : 0;
      last = now;
    }
  };
}

/** proc_pid_stat(5): fields 14 and 15 are utime and stime; the second is the name in brackets. */
function ticks(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
    sum += Number(fields[11]) + Number(fields[12]);
  }
  return sum;
}
