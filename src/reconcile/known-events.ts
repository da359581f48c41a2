// The ids of events that were handled lately: the same event twice is one event.

const REMEMBERED = 10_000;

export interface KnownEvents {
  has(id: string): boolean;
  add(id: string): void;
}

export function knownEvents(initial: Iterable<string> = []): KnownEvents {
  const ids = new Set(initial);
  return {
    has: (id) => ids.has(id),
    add(id) {
      ids.add(id);
      if (ids.size <= REMEMBERED) return;
      const [oldest] = ids;
      if (oldest !== undefined) ids.delete(oldest);
    },
  };
}
