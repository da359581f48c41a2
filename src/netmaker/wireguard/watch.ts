// Looks at the attached Netmaker containers from time to time, and whenever somebody asks.

import { type MeshValues, MeshVisits, type MeshWatchParts } from './visits.ts';

export interface MeshWatch {
  /** Undefined until the first look at it, and when it is not attached any more. */
  values(id: string): MeshValues | undefined;
  /** Looks now; while a look is under way, once more after it. Resolves when that look is done; never rejects. */
  poll(): Promise<void>;
  /** Ends looking; resolves when the look under way is done. */
  close(): Promise<void>;
}

export function startMeshWatch(parts: MeshWatchParts): MeshWatch {
  const { attached, intervalMs } = parts;
  const visits = new MeshVisits(parts);
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  const begin = (): Promise<void> => {
    clearTimeout(timer);
    const done = visits.all().finally(() => {
      running = undefined;
      if (!visits.isClosed && next === undefined) schedule();
    });
    running = done;
    return done;
  };

  const poll = (): Promise<void> => {
    if (visits.isClosed) return Promise.resolve();
    if (running === undefined) return begin();
    next ??= running.then(() => {
      next = undefined;
      return visits.isClosed ? undefined : begin();
    });
    return next;
  };

  const schedule = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void poll(), intervalMs);
    timer.unref();
  };

  schedule();
  return {
    values(id) {
      if (!attached().some((container) => container.id === id)) return undefined;
      return visits.sightOf(id);
    },
    poll,
    async close() {
      visits.isClosed = true;
      clearTimeout(timer);
      await (next ?? running);
    },
  };
}
