// Which came later: an event of a guest, or a refresh of all runtimes. An event is newer than a refresh that began before it.

export interface EventOrder {
  /** Something happened to the guest. */
  happened(key: string): void;
  /** A refresh of everything begins; answers whether something has happened to a guest since. Only the last refresh counts. */
  beginRefresh(): (key: string) => boolean;
}

export function openEventOrder(): EventOrder {
  let sequence = 0;
  const last = new Map<string, number>();
  return {
    happened: (key) => void last.set(key, ++sequence),
    beginRefresh() {
      const began = sequence;
      last.clear();
      return (key) => (last.get(key) ?? 0) > began;
    },
  };
}
