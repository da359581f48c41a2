// Whoever asks for blocks that were dropped is told so.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tellDropped } from '../../../src/cli/dropped-bodies.ts';
import { ledgerPaths } from '../../../src/core/ledger/paths.ts';
import { sealedSegments } from '../../../src/core/ledger/segments.ts';
import { entry, open, scratch } from '../core/ledger/scratch.ts';

it('says which heights have no body, to those who ask for one of them', async () => {
  using place = scratch();
  const ledger = await open(place.path, { limits: { bytes: 2000, ageMs: 86_400_000 } });
  for (let n = 1; n <= 12; n++) await ledger.append(entry(n));
  const [oldest, next] = await sealedSegments(ledgerPaths(place.path));
  const to = (next?.first ?? 0) - 1;
  const data = { from: 1, to, last_hash: 'ab'.repeat(32), file: oldest?.file ?? '', bytes: 1, sha256: '' };
  await ledger.append(entry(0, { category: 'filesystem', action: 'ledger_bodies_dropped', data }));
  await ledger.close();
  const told: string[] = [];
  const ask = (from: number) => tellDropped(place.path, from, { err: (line) => told.push(line) });
  await ask(1);
  expect(told).toEqual([]);
  rmSync(join(place.dir, oldest?.file ?? ''));
  await ask(to + 1);
  expect(told).toEqual([]);
  await ask(1);
  expect(told).toEqual([
    expect.stringMatching(new RegExp(`^The blocks 1 to ${to} have no body any more: dropped at 2\\d{3}-`)),
  ]);
});
