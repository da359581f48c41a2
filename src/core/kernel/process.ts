// Whether a process is the one it was taken for: its number alone may have been given out again (proc(5)).

import { readProc } from '../lib/read-proc.ts';

/** USER_HZ, what `starttime` counts in: 100 on every architecture that Node runs on. */
const TICK_MS = 10;
/** `btime` is in whole seconds, and moves with the clock's corrections. */
const TOLERANCE_MS = 2000;

/** Whether process `pid` runs and was started no later than `at` (RFC 3339). */
export async function ranAt(pid: number, at: string): Promise<boolean> {
  try {
    const [own, system] = await Promise.all([readProc(`/proc/${pid}/stat`), readProc('/proc/stat')]);
    // The second field, the command, may hold spaces and brackets; `starttime` is field 22.
    const ticks = Number(own.slice(own.lastIndexOf(')') + 2).split(' ')[19]);
    const bootMs = Number(/^btime (\d+)$/m.exec(system)?.[1]) * 1000;
    return bootMs + ticks * TICK_MS <= Date.parse(at) + TOLERANCE_MS;
  } catch {
    return false;
  }
}
