// Which ports the agent itself is at work on: what changes there then, its steps say.

import type { Ledger } from '../../core/ledger/index.ts';
import { recentMap } from '../../core/lib/recent-map.ts';

/** From the last block about a port; a step takes seconds, and Open vSwitch tells of it at once. */
const AT_WORK_MS = 15_000;
const PORTS_MAX = 4096;

export function watchOwnSteps(ledger: Pick<Ledger, 'subscribe'>, steady: () => number) {
  const last = recentMap<number>(PORTS_MAX);
  const close = ledger.subscribe(({ metadata, data }) => {
    if (metadata.kind !== 'intent' && metadata.kind !== 'outcome') return;
    if (data === null || typeof data !== 'object' || Array.isArray(data)) return;
    for (const name of [data.port, data.row, data.former_port])
      if (typeof name === 'string') last.set(name, steady());
  });
  return {
    isOurs: (port: string) => steady() - (last.get(port) ?? Number.NEGATIVE_INFINITY) < AT_WORK_MS,
    close,
  };
}
