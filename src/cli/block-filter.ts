// The options by which verbs choose blocks of the ledger, and what they ask of it.

import type { Command } from 'commander';
import type { Category, HashedBlock } from '../core/ledger/index.ts';
import { findGuest } from '../core/ledger/query/guest-query.ts';
import type { Asking } from '../core/ledger/query/query.ts';
import type { Query } from '../core/ledger/query/query-type.ts';
import {
  type Want,
  wantAction,
  wantActor,
  wantCategory,
  wantHash,
  wantPid,
  wantPort,
  wantVmid,
} from '../core/ledger/query/wants.ts';
import {
  type HeightRange,
  parseCategory,
  parseHash,
  parseInterfaceName,
  parsePid,
  parseVmid,
} from './arguments.ts';
import { parseSince, parseUntil } from './time-span.ts';

export interface BlockFilter {
  category?: Category;
  action?: string;
  vmid?: number;
  port?: string;
  guest?: string;
  hash?: string;
  by?: string;
  pid?: number;
  since?: ReturnType<typeof parseSince>;
  until?: ReturnType<typeof parseUntil>;
}

/** Adds the options to a verb. */
export function filterOptions(command: Command): Command {
  return command
    .option('--category <name>', 'only blocks of this category', parseCategory)
    .option('--action <name>', 'only this action, such as port_attached or "guest_*"')
    .option('--vmid <vmid>', 'only blocks that name this VMID or one of its ports', parseVmid)
    .option('--port <name>', 'only blocks that name this port', parseInterfaceName)
    .option('--guest <guest>', 'only blocks about this guest: its VMID, name, port or container id')
    .option('--hash <digits>', 'only the block with this hash; its first 8 digits will do', parseHash)
    .option('--by <who>', 'only what this user, uid, process or sudo user asked for')
    .option('--pid <pid>', 'only blocks of this process id', parsePid)
    .option('--since <time>', 'only from then on: "2 hours ago", today, 2026-11-23, RFC 3339 …', parseSince)
    .option('--until <time>', 'only up to then; a day or a month is meant whole', parseUntil);
}

/** The help below the options. */
export const FILTER_NOTE = `Filters can be combined: a block must pass all of them.
Times: 30min, "2 hours ago", yesterday, today, 2026-11 (a month), 2026-11-23, "2026-11-23 09:30", 2026-11-23T08:30:00Z.`;

export interface Chosen {
  query: Query;
  /** Whether a block that comes later is one of them; feed it all of them in order. */
  isNext: (block: HashedBlock) => boolean;
  /** Something was asked for by its name or number, so that none is not what was expected. */
  isNamed: boolean;
}

export async function chosenBlocks(
  path: string,
  heights: HeightRange | undefined,
  filter: BlockFilter,
  now: Date,
  asking: Asking = {},
): Promise<Chosen> {
  const { category, action, vmid, port, guest, hash, by, pid } = filter;
  const ofGuest = guest === undefined ? undefined : await findGuest(path, guest, asking);
  const others: Want[] = [
    ...(category === undefined ? [] : [wantCategory(category)]),
    ...(action === undefined ? [] : [wantAction(action)]),
    ...(vmid === undefined ? [] : [wantVmid(vmid)]),
    ...(port === undefined ? [] : [wantPort(port)]),
    ...(hash === undefined ? [] : [wantHash(hash)]),
    ...(by === undefined ? [] : [wantActor(by)]),
    ...(pid === undefined ? [] : [wantPid(pid)]),
  ];
  const [since, until] = [filter.since?.(now), filter.until?.(now)];
  const query: Query = {
    ...heights,
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    wants: [...others, ...(ofGuest ? [ofGuest.want] : [])],
  };
  const isNext = (block: HashedBlock): boolean => {
    // The guest's filter learns from every block, also from those that are not wanted.
    const isGuest = ofGuest?.isNext(block) ?? true;
    const at = Date.parse(block.timestamp);
    const isIn = (since === undefined || at >= since) && (until === undefined || at <= until);
    return isGuest && isIn && others.every((want) => want.fits(block));
  };
  const isNamed = [vmid, port, guest, hash].some((one) => one !== undefined);
  return { query, isNext, isNamed };
}
