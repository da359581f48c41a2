// Takes up the events that hooks left in the spool while the agent or the bus was away.

import { mkdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { LifecycleEvent } from '../core/events/lifecycle-event.ts';
import type { Watch, Watching } from '../core/lib/watch.ts';
import { openSpoolFolder, type SpoolFolderParts } from './spool-folder.ts';

export interface SpoolParts extends SpoolFolderParts {
  watching: Pick<Watching, 'directory'>;
  /** Those of these event ids that the ledger has already, with their height. */
  recorded: (ids: Set<string>) => Promise<ReadonlyMap<string, number>>;
  /**
   * The file goes when this resolves. `height`: where the event is recorded already; what it led to may still be
   * under way, or the agent may have died before it.
   */
  handle: (event: LifecycleEvent, height: number | undefined) => Promise<unknown>;
}

export interface SpoolAbsorber {
  /** Absorbs what is there, oldest first; each event is recorded exactly once also over crashes. */
  absorb(): Promise<number>;
  /** Absorbs from now on whenever a hook leaves something. */
  watch(onError: (error: unknown) => void): Promise<void>;
  /** How many events wait. */
  waiting(): Promise<number>;
  close(): void;
}

export function spoolAbsorber(parts: SpoolParts): SpoolAbsorber {
  const { directory, watching, recorded, handle } = parts;
  const folder = openSpoolFolder(parts);
  let watch: Watch | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  const absorbNow = async (): Promise<number> => {
    await folder.rejectStrangers();
    await folder.reportLeftOut();
    const events = await folder.events();
    if (events.length === 0) return 0;
    const known = await recorded(new Set(events.map(({ event }) => event.id)));
    for (const { file, event } of events) {
      await handle(event, known.get(event.id));
      await unlink(join(directory, file));
    }
    return events.length;
  };

  const absorb = (): Promise<number> => {
    const mine = turn.then(absorbNow);
    turn = mine.catch(() => undefined);
    return mine;
  };

  return {
    absorb,
    async watch(onError) {
      await mkdir(directory, { recursive: true, mode: 0o750 });
      watch = watching.directory(directory, () => void absorb().catch(onError));
    },
    waiting: async () => (await folder.files()).length,
    close: () => watch?.close(),
  };
}
