// Which blocks of a run may fit what is asked.

import type { RunEntry } from '../index-files/entry.ts';
import type { Pages } from '../index-files/pages.ts';
import { actionsIn, placesOf } from '../index-files/run-data.ts';
import { keyOf } from '../index-files/terms.ts';
import type { Want } from './wants.ts';

/** Places in the run in rising order; undefined when the index cannot tell, so that all may. Throws DamagedPage. */
export async function placesIn(
  wants: readonly Want[],
  run: RunEntry,
  pages: Pages,
): Promise<number[] | undefined> {
  let found: number[] | undefined;
  for (const want of wants) {
    const keys = want.keys ?? (want.isAction && (await actionKeys(want.isAction, run, pages)));
    if (keys === undefined) continue;
    const places = await anyOf(keys, run, pages);
    found = found === undefined ? places : both(found, places);
    if (found.length === 0) break;
  }
  return found;
}

async function actionKeys(
  isAction: (action: string) => boolean,
  run: RunEntry,
  pages: Pages,
): Promise<number[]> {
  const actions = await actionsIn(run, pages);
  return actions.filter(isAction).map((action) => keyOf('action', action));
}

async function anyOf(keys: readonly number[], run: RunEntry, pages: Pages): Promise<number[]> {
  const lists: number[][] = [];
  for (const key of new Set(keys)) {
    const places = await placesOf(key, run, pages);
    if (places.length > 0) lists.push(places);
  }
  if (lists.length <= 1) return lists[0] ?? [];
  return [...new Set(lists.flat())].sort((a, b) => a - b);
}

function both(one: readonly number[], other: readonly number[]): number[] {
  const held = new Set(other);
  return one.filter((place) => held.has(place));
}
