// Tells that something on the host changed that a gateway rests on; what it was is for the next look to find.

import type { Follow } from '../../core/lib/exec.ts';

/**
 * What nft and ip print is not read: any line means that it is worth to look. Neighbours are left out: their states
 * come and go with the traffic, and the kernel does not tell of proxy entries at all; those go with the link, which it tells.
 */
const SOURCES: readonly (readonly [string, readonly string[]])[] = [
  ['nft', ['monitor']],
  ['ip', ['monitor', 'link', 'address', 'route', 'rule']],
];

const SETTLE_MS = 50;
/** On a host where something always changes there is one look in this time. */
const LONGEST_PAUSE_MS = 1000;
const RESTART_MS = [100, 1000, 5000, 30_000] as const;

/** Until `signal`. A source that ends is started again, with one call of the listener for what it may have missed. */
export function watchDisturbances(follow: Follow, listener: () => void, signal: AbortSignal): void {
  const disturb = settled(listener, signal);
  for (const [file, args] of SOURCES) void keepFollowing(follow, file, args, disturb, signal);
}

async function keepFollowing(
  follow: Follow,
  file: string,
  args: readonly string[],
  disturb: () => void,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    const started = performance.now();
    await follow(file, args, disturb, signal).catch(() => undefined);
    failures = performance.now() - started > 60_000 ? 0 : failures + 1;
    await pause(RESTART_MS[Math.min(failures, RESTART_MS.length) - 1] ?? RESTART_MS[0], signal);
    if (failures === 1) disturb();
  }
}

/**
 * Calls back some time after the first of a burst. Each burst that follows closely waits twice as long, up to a
 * second: our own changes come back as one, and so may those of somebody who undoes ours.
 */
export function settled(listener: () => void, signal: AbortSignal): () => void {
  let timer: NodeJS.Timeout | undefined;
  let wait = SETTLE_MS;
  let lastCall = Number.NEGATIVE_INFINITY;
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  return () => {
    if (timer !== undefined || signal.aborted) return;
    const isQuiet = performance.now() - lastCall > 2 * LONGEST_PAUSE_MS;
    wait = isQuiet ? SETTLE_MS : Math.min(2 * wait, LONGEST_PAUSE_MS);
    timer = setTimeout(() => {
      timer = undefined;
      lastCall = performance.now();
      listener();
    }, wait);
    timer.unref();
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    timer.unref();
    signal.addEventListener('abort', done, { once: true });
  });
}
