// Notices LXC containers that run or have ended without a word: their hook was killed, or there was none yet.

import type { Claim } from '../../state/desired-state.ts';
import type { LxcContainers } from './containers.ts';

export interface LxcWatchParts {
  containers: Pick<LxcContainers, 'running'>;
  claims: () => readonly Claim[];
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
  const { containers, claims, linkNames, onMissed, onError } = parts;
  let before: ReadonlySet<string> = new Set();
  /** Runs that were told once: a container without a card for us stays without a claim. */
  const told = new Set<string>();
  let failed = false;

  const look = async () => {
    const running = await containers.running();
    const links = await linkNames();
    const claimed = claims().filter(({ guest }) => guest.runtime === 'lxc');
    const has = (name: string) =>
      claimed.some(
        (claim) => claim.guest.name === name && claim.ports.some((wish) => links.has(wish.interface)),
      );
    const news = new Map<string, string>();
    for (const { name, run, init } of running) {
      if (init === undefined || told.has(run)) continue;
      if (has(name)) told.add(run);
      else news.set(run, `the LXC container ${name} runs, and no hook has told of it`);
    }
    for (const { guest, ports } of claimed) {
      for (const { port, interface: link } of ports) {
        if (!links.has(link)) news.set(`${port}/${link}`, `the LXC container ${guest.name} has lost ${link}`);
      }
    }
    const due = [...news].filter(([key]) => before.has(key));
    before = new Set(news.keys());
    const runs = new Set(running.map(({ run }) => run));
    for (const run of told) if (!runs.has(run)) told.delete(run);
    for (const [key] of due) if (runs.has(key)) told.add(key);
    if (due[0] !== undefined) onMissed(due[0][1]);
  };

  const tick = async () => {
    try {
      await look();
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
