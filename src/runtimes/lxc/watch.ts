// Notices LXC containers that run or have ended without a word: their hook was killed, or there was none yet.

import type { DesiredGuest } from '../../state/desired-state.ts';
import type { LxcContainers } from './containers.ts';

export interface LxcWatchParts {
  containers: Pick<LxcContainers, 'running'>;
  desiredGuests: () => readonly DesiredGuest[];
  linkNames: () => Promise<ReadonlySet<string>>;
  /** Something is not as the hooks have told: a look at everything is due. */
  onMissed: (reason: string) => void;
  onError: (error: unknown) => void;
  /** Milliseconds; a look is one file of the kernel's and one directory. */
  intervalMs?: number;
}

/** A hook has its turn first: what is still so at the second look it has not told. */
const INTERVAL_MS = 3_000;

export function watchLxc(parts: LxcWatchParts): { close(): void } {
  const { containers, desiredGuests, linkNames, onMissed, onError } = parts;
  let before: ReadonlySet<string> = new Set();
  /** Runs that were told once: a container without a NIC for us stays without a claim. */
  const reported = new Set<string>();
  let failed = false;

  const check = async () => {
    const running = await containers.running();
    const links = await linkNames();
    const claimed = desiredGuests().filter(({ guest }) => guest.runtime === 'lxc');
    const has = (name: string) =>
      claimed.some(
        (desiredGuest) =>
          desiredGuest.guest.name === name &&
          desiredGuest.ports.some((desiredPort) => links.has(desiredPort.interface)),
      );
    const unreported = new Map<string, string>();
    for (const { name, run, init } of running) {
      if (init === undefined || reported.has(run)) continue;
      if (has(name)) reported.add(run);
      else unreported.set(run, `the LXC container ${name} runs, and no hook has told of it`);
    }
    for (const { guest, ports } of claimed) {
      for (const { port, interface: link } of ports) {
        if (!links.has(link))
          unreported.set(`${port}/${link}`, `the LXC container ${guest.name} has lost ${link}`);
      }
    }
    const due = [...unreported].filter(([key]) => before.has(key));
    before = new Set(unreported.keys());
    const runs = new Set(running.map(({ run }) => run));
    for (const run of reported) if (!runs.has(run)) reported.delete(run);
    for (const [key] of due) if (runs.has(key)) reported.add(key);
    if (due[0] !== undefined) onMissed(due[0][1]);
  };

  const tick = async () => {
    try {
      await check();
      failed = false;
    } catch (error) {
      if (!failed) onError(error);
      failed = true;
    }
    if (!closed) timer = setTimeout(() => void tick(), parts.intervalMs ?? INTERVAL_MS);
  };
  let closed = false;
  let timer = setTimeout(() => void tick(), parts.intervalMs ?? INTERVAL_MS);
  return {
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
