// One piece of work for many: what is asked for while a round runs is done together in the next.

/**
 * Returns what asks for one item, and settles with what became of it. One round runs at a time; the first begins at once.
 * Where a round of several fails, each of them is done by itself, so that none suffers for another's sake.
 */
export function gathered<T>(doAll: (items: readonly T[]) => Promise<unknown>): (item: T) => Promise<void> {
  let waiting: { item: T; resolve: () => void; reject: (error: unknown) => void }[] = [];
  let isRunning = false;

  const round = async (): Promise<void> => {
    const all = waiting;
    waiting = [];
    try {
      await doAll(all.map(({ item }) => item));
      for (const { resolve } of all) resolve();
    } catch (error) {
      if (all.length === 1) return all[0]?.reject(error);
      for (const { item, resolve, reject } of all) await doAll([item]).then(resolve, reject);
    }
  };
  const run = async () => {
    isRunning = true;
    while (waiting.length > 0) await round();
    isRunning = false;
  };

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!isRunning) void run();
    });
}
