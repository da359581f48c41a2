// Opens what the agent writes down: the ledger with the block of this start, told to the bus, and what others report.

import { AGENT } from '../api/ledger-producers.ts';
import { AGENT_NAME, AGENT_PATH } from '../core/bus/agent-names.ts';
import type { Bus } from '../core/bus/bus.ts';
import type { Config } from '../core/config/config.ts';
import type { readHost } from '../core/kernel/host.ts';
import { AGENT_STARTED, carryOver } from '../core/ledger/index.ts';
import { entryOf } from '../core/ledger/producer.ts';
import type { Log } from '../core/lib/log.ts';
import type { Clocks } from '../core/lib/moment.ts';
import type { Watching } from '../core/lib/watch.ts';
import { brokenText } from '../diagnose/ledger-faults.ts';
import { openReportedEvents } from '../reconcile/reported-events.ts';
import { checkpointsOf } from './open-checkpoints.ts';
import { lossText, openBook } from './open-ledger.ts';
import { openSegments } from './open-segments.ts';
import { openWitnesses } from './open-witnesses.ts';
import { PLACES } from './places.ts';
import { VERSION } from './version.ts';

export interface RecordParts extends Clocks {
  config: Config;
  /** Of the configuration, for the block of this start. */
  warnings: readonly string[];
  host: Awaited<ReturnType<typeof readHost>>;
  bus: Bus;
  watching: Watching;
  log: Log;
  onError: (error: unknown) => void;
}

const DAY_MS = 86_400_000;

/** Throws what keeps the ledger from being opened or written. */
export async function openRecords(parts: RecordParts) {
  const { config, warnings, host, bus, watching, log, now, steady, onError } = parts;
  const { hostname, bootId } = host;
  const { path, segment_mib, segment_days } = config.ledger;
  const book = await openBook(
    {
      ...{ path, hostname, bootId, pid: process.pid, user: 'root', onBroken: 'set-aside' },
      limits: { bytes: segment_mib << 20, ageMs: segment_days * DAY_MS },
      gapFile: PLACES.ledgerGap,
      clock: { now, steady },
      onTrouble: onError,
    },
    {
      ...{ headFile: PLACES.head, watching, now, steady, onError },
      onBroken: (broken) => log.error(brokenText(path, broken)),
    },
  );
  const { ledger, openAtStart } = book;
  const loss = book.loss();
  if (loss) log.error(lossText(config.ledger.path, loss));
  ledger.subscribe(({ height, hash, category, action }) => {
    bus.emit(AGENT_PATH, AGENT_NAME, 'BlockAppended', 'tsss', [BigInt(height), hash, category, action]);
  });
  const { height: startHeight } = await ledger.append(
    entryOf(AGENT, {
      action: AGENT_STARTED,
      data: { version: VERSION, node: process.version, config_warnings: [...warnings] },
      metadata: carryOver(openAtStart),
    }),
  );
  const opened = await checkpointsOf({ ledger, config, host, log, now, steady, onError });
  const { checkpoints } = opened;
  const segments = await openSegments({ ledger, config, checkpoints, watching, log, now, steady, onError });
  const witnesses = await openWitnesses({ ...opened, config, host, bus, log, now, steady, onError });
  const reportedEvents = openReportedEvents({ config, ledger, warn: log.warning, onError });
  return { book, ledger, openAtStart, startHeight, reportedEvents, segments, ...opened, witnesses };
}
