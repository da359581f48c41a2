// Runs tasks of one key in the order they came, tasks of different keys side by side up to a limit.

export interface KeyedQueue {
  run<T>(key: string, task: () => Promise<T>): Promise<T>;
  /** Resolves when nothing is running or waiting any more. */
  idle(): Promise<void>;
  /** From now on nothing begins: what waits, or is asked for, never settles. Resolves when what had begun has ended. */
  close(): Promise<void>;
}

/** @param limit how many tasks may run at once, over all keys */
export function keyedQueue(limit: number): KeyedQueue {
  const tails = new Map<string, Promise<unknown>>();
  const waiting: (() => void)[] = [];
  const begun = new Set<Promise<unknown>>();
  let running = 0;
  let closed = false;

  const slot = async () => {
    if (running < limit) running++;
    else await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const free = () => {
    const next = waiting.shift();
    if (next) next();
    else running--;
  };

  return {
    run(key, task) {
      const before = tails.get(key) ?? Promise.resolve();
      const mine = before.then(async () => {
        await slot();
        if (closed) return new Promise<never>(() => undefined);
        const work = task();
        begun.add(work);
        try {
          return await work;
        } finally {
          begun.delete(work);
          free();
        }
      });
      const tail = mine
        .catch(() => undefined)
        .then(() => {
          if (tails.get(key) === tail) tails.delete(key);
        });
      tails.set(key, tail);
      return mine;
    },
    async idle() {
      while (tails.size > 0) await Promise.all(tails.values());
    },
    async close() {
      closed = true;
      await Promise.allSettled(begun);
    },
  };
}
