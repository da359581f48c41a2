// Reports on a span of time: one pass over its blocks, and a look at the checkpoints beside the ledger.
import type { HashedBlock } from '../block.ts';
import type { KeptCheckpoint } from '../checkpoint/checkpoint-file.ts';
import { evidencePaths } from '../checkpoint/places.ts';
import { withCheckpoints } from '../checkpoint/stored-checkpoints.ts';
import { isCosignature } from '../note/cosignature.ts';
import { ledgerPaths } from '../paths.ts';
import { type Asking, queryBlocks } from '../query/query.ts';
import { readBlocks } from '../read.ts';
import { gathersChanges, type Origin, originOf } from './changes.ts';
import { gathersGaps } from './gaps.ts';
import type { CheckpointSpan, Report, WitnessSpan } from './report.ts';

/** Milliseconds of the epoch, both ends included. */
export type Span = { since?: number; until?: number };

/** Origins that are remembered: what leads to much is recent. */
const ORIGINS_MAX = 20_000;

/** What the ledger says of itself, and is worth a look. */
const NOTED =
  /^(?:ledger_(?:torn_tail|set_aside|missing|diverged|epoch_begun|key_rotated|gap|bodies_dropped|replaced)|events_lost|event_unreadable)$/;

export async function readReport(path: string, span: Span, asking: Asking = {}): Promise<Report> {
  const changes = gathersChanges();
  const gaps = gathersGaps();
  const origins = newOrigins(path);
  const actions: Report['actions'] = {};
  const hosts = new Set<string>();
  const notes: Report['notes'] = [];
  let [blocks, first, last] = [0, undefined as HashedBlock | undefined, undefined as HashedBlock | undefined];
  for await (const block of queryBlocks(path, span, asking)) {
    const { height, timestamp: at, action, category, data } = block;
    blocks += 1;
    first ??= block;
    last = block;
    hosts.add(block.hostname);
    actions[category] ??= {};
    const counts = actions[category];
    counts[action] = (Object.hasOwn(counts, action) ? (counts[action] ?? 0) : 0) + 1;
    gaps.take(block);
    changes.take(block, await origins.of(block));
    if (NOTED.test(action)) notes.push({ height, at, action, data });
  }
  return {
    since: instant(span.since),
    until: instant(span.until),
    blocks,
    first: first ? { height: first.height, at: first.timestamp } : null,
    last: last ? { height: last.height, at: last.timestamp, hash: last.hash } : null,
    hosts: [...hosts].sort(),
    actions,
    changes: changes.changes().sort((a, b) => b.count - a.count),
    failures: changes.failures,
    failureCount: changes.failureCount(),
    open: changes.open(),
    gaps: gaps.gaps,
    notes,
    ...(await checkpointsIn(path, span)),
  };
}

const instant = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());

/** What each block began with. One that lies before the span is looked up. */
function newOrigins(path: string) {
  const known = new Map<number, Origin>();
  const keep = (height: number, origin: Origin): Origin => {
    known.set(height, origin);
    const [oldest] = known.keys();
    if (known.size > ORIGINS_MAX && oldest !== undefined) known.delete(oldest);
    return origin;
  };
  const lookUp = async (height: number): Promise<Origin | undefined> => {
    let found: HashedBlock | undefined;
    for (let at: number | null = height; at !== null; at = found.cause) {
      const remembered = known.get(at);
      if (remembered) return remembered;
      let block: HashedBlock | undefined;
      for await (const one of readBlocks(path, { from: at, to: at })) block = one;
      if (block === undefined) break;
      found = block;
    }
    return found && originOf(found);
  };
  return {
    async of(block: HashedBlock): Promise<Origin> {
      const { cause, height } = block;
      const led = cause === null ? undefined : (known.get(cause) ?? (await lookUp(cause)));
      return keep(height, led ?? originOf(block));
    },
  };
}

type Seen = CheckpointSpan['first'];

async function checkpointsIn(
  path: string,
  { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY }: Span,
): Promise<{ checkpoints: CheckpointSpan; witnesses: WitnessSpan[] }> {
  const isWithin = (ms: number) => ms >= since && ms <= until;
  const witnesses = new Map<string, WitnessSpan>();
  const origins = new Set<string>();
  let count = 0;
  let [first, last] = [null as Seen, null as Seen];
  const take = ({ at, checkpoint, note }: KeptCheckpoint) => {
    const { size, origin } = checkpoint;
    count += 1;
    last = { size, at };
    first ??= last;
    origins.add(origin);
    // The ledger signs, too, and at the beginning of an epoch under its former name.
    for (const name of new Set(note.signatures.filter(isCosignature).map((one) => one.name))) {
      const cosigned = (witnesses.get(name)?.cosigned ?? 0) + 1;
      witnesses.set(name, { name, cosigned, lastSize: size, lastAt: at });
    }
  };
  await withCheckpoints(evidencePaths(ledgerPaths(path).side).checkpoints, async ({ each }) => {
    for await (const kept of each()) if (isWithin(Date.parse(kept.at))) take(kept);
  });
  return {
    checkpoints: { count, first, last, origins: [...origins] },
    witnesses: [...witnesses.values()],
  };
}
