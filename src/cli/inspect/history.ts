// What the ledger says of one port lately, and why the agent passed its NIC over.

import { type HashedBlock, readBlocks } from '../../core/ledger/index.ts';
import { queryBack } from '../../core/ledger/query/query-back.ts';
import { wantAbout } from '../../core/ledger/query/wants.ts';
import { attempt } from '../../core/lib/answer.ts';
import { objectOf, portsIn, textOf } from '../../core/lib/json-value.ts';
import type { ReportedEvent } from '../recent-events.ts';

export interface History {
  /** Oldest first, with the events that led to them. An intent is among them only while it has no outcome. */
  events: ReportedEvent[];
  /** Why the ledger could not be read. */
  problem?: string;
  /** The reasons of `guest_skipped`, unless the port was made since. */
  skipped: string[];
}

export interface Whose {
  port: string;
  vmid: number;
  /** A Docker or LXC guest's events name no VMID. */
  name?: string;
}

const BLOCKS_MAX = 12;
/** How far back it is worth looking, in ms: a long ledger of others must not make people wait. */
const PATIENCE_MS = 3000;
const DEADLINE_MS = 10_000;

export async function readHistory(path: string, whose: Whose): Promise<History> {
  const found = await attempt('the ledger', DEADLINE_MS, async () => {
    const want = wantAbout(whose, (block) => isAbout(block, whose));
    const until = performance.now() + PATIENCE_MS;
    const isEnough = () => performance.now() > until;
    const blocks = await queryBack(path, want, BLOCKS_MAX, { mayBlock: true, isEnough });
    return withCauses(path, blocks.reverse());
  });
  if (!found.ok) return { events: [], skipped: [], problem: found.reason };
  return { events: reportedEvents(found.value), skipped: skippedOf(found.value) };
}

function isAbout({ data }: HashedBlock, { port, vmid, name }: Whose): boolean {
  const reported = objectOf(data);
  const named = portsIn(reported);
  if (named.length > 0) return named.includes(port);
  if (textOf(reported, 'vmid') === String(vmid)) return true;
  return name !== undefined && textOf(reported, 'name') === name && textOf(reported, 'vmid') === undefined;
}

function skippedOf(blocks: readonly HashedBlock[]): string[] {
  const last = blocks.findLast(
    ({ action, category, metadata }) =>
      action === 'guest_skipped' || (category === 'port' && metadata.kind === 'outcome'),
  );
  if (last?.action !== 'guest_skipped') return [];
  const { reasons } = objectOf(last.data);
  return Array.isArray(reasons) ? reasons.filter((reason) => typeof reason === 'string') : [];
}

/** Adds the blocks that led to those given, as far back as the event or the reconcile that began it. */
async function withCauses(path: string, blocks: readonly HashedBlock[]): Promise<HashedBlock[]> {
  const known = new Map(blocks.map((block) => [block.height, block]));
  for (const block of blocks) {
    for (let at = block.cause; at !== null && !known.has(at); at = known.get(at)?.cause ?? null) {
      for await (const cause of readBlocks(path, { from: at, to: at })) known.set(cause.height, cause);
      if (!known.has(at)) break;
    }
  }
  return [...known.values()].sort((one, other) => one.height - other.height);
}

/** An outcome points past its intent, to what led to both. */
function reportedEvents(blocks: readonly HashedBlock[]): ReportedEvent[] {
  const isOutcome = ({ metadata }: HashedBlock) => metadata.kind === 'outcome';
  const intents = new Map(
    blocks.filter(({ metadata }) => metadata.kind === 'intent').map((one) => [one.height, one]),
  );
  const settled = new Set(blocks.filter(isOutcome).map(({ cause }) => cause));
  return blocks
    .filter(({ height }) => !(intents.has(height) && settled.has(height)))
    .map((block) => ({ block, cause: intents.get(block.cause ?? 0)?.cause ?? block.cause }));
}
