// Builds what the agent knows the host by: its configuration, the bus, the ledger, Open vSwitch and NetworkManager.

import { AGENT_NAME, AGENT_PATH } from '../core/bus/agent-names.ts';
import { connectSystemBus } from '../core/bus/system-bus.ts';
import { loadConfig } from '../core/config/load.ts';
import type { SwitchDrivers } from '../core/drivers/driver.ts';
import { networkManagerDriver } from '../core/drivers/networkmanager/driver.ts';
import { ovsdbDriver } from '../core/drivers/ovsdb/driver.ts';
import { bringUp } from '../core/kernel/addresses.ts';
import { openGiven } from '../core/kernel/given.ts';
import { readHost } from '../core/kernel/host.ts';
import { makeDeaf } from '../core/kernel/own-interface.ts';
import { openParking } from '../core/kernel/parking.ts';
import { openVeths } from '../core/kernel/veth.ts';
import { AGENT_STARTED, carryOver } from '../core/ledger/index.ts';
import { AgentError } from '../core/lib/errors.ts';
import { exec, follow, keep } from '../core/lib/exec.ts';
import type { Log } from '../core/lib/log.ts';
import { openWatching } from '../core/lib/watch.ts';
import { openNetworkManager } from '../core/networkmanager/networkmanager.ts';
import { openOvsdb } from '../core/ovsdb/client.ts';
import { openReportedEvents } from '../reconcile/reported-events.ts';
import { keepSwitchFacts } from '../reconcile/switch-facts.ts';
import { liveConfig } from './live-config.ts';
import { lossText, openBook } from './open-ledger.ts';
import { PLACES } from './places.ts';
import { VERSION } from './version.ts';

export type HostParts = Awaited<ReturnType<typeof buildHost>>;

/** Throws `bad-config`, and what keeps bus or ledger from being opened. */
export async function buildHost(log: Log) {
  const onError = (error: unknown) =>
    log.error(error instanceof AgentError ? error.toLine() : `unexpected: ${String(error)}`);
  const now = Date.now;
  const steady = () => performance.now();
  const startedAt = new Date(now()).toISOString();
  const { config: first, warnings } = await loadConfig();
  const live = liveConfig(first);
  const { config } = live;
  for (const warning of warnings) log.warning(warning);
  const host = await readHost();
  const { bootId } = host;

  const bus = await connectSystemBus();
  const watching = openWatching({
    onPoll: ({ path, reason }) => log.warning(`${path} is looked at every second: ${reason}`),
  });
  const book = await openBook(
    {
      path: config.ledger.path,
      hostname: host.hostname,
      bootId,
      pid: process.pid,
      user: 'root',
      onBroken: 'set-aside',
    },
    { headFile: PLACES.head, watching, now, onError },
  );
  const { ledger, openAtStart } = book;
  if (book.loss) log.error(lossText(config.ledger.path, book.loss));
  ledger.subscribe((block) => {
    const { height, hash, category, action } = block;
    bus.emit(AGENT_PATH, AGENT_NAME, 'BlockAppended', 'tsss', [BigInt(height), hash, category, action]);
  });
  const { height: startHeight } = await ledger.append({
    category: 'lifecycle',
    action: AGENT_STARTED,
    data: { version: VERSION, node: process.version, config_warnings: [...warnings] },
    metadata: carryOver(openAtStart),
  });
  const reportedEvents = openReportedEvents({ config, ledger, warn: log.warning, onError });

  const ovsdb = openOvsdb(PLACES.ovsdbSocket);
  const networkManager = await openNetworkManager(bus, (problem) =>
    reportedEvents.noteUnreadable('NetworkManager', problem),
  );
  const rows = ovsdbDriver({ ovsdb, bootId, bringUp: (link, spec) => bringUp(exec, link, spec) });
  const drivers: SwitchDrivers = {
    networkmanager: networkManagerDriver({
      networkManager,
      ovsdb,
      rows,
      bootId,
      makeDeaf: (link, ipv6) => makeDeaf(exec, link, ipv6),
    }),
    ovsdb: rows,
  };
  const facts = keepSwitchFacts({ configured: config.driver, networkManager, ovsdb });
  await facts.refresh();
  const parking = openParking(keep);
  const veths = openVeths(exec, parking, openGiven(PLACES.given));
  return {
    log,
    onError,
    now,
    steady,
    exec,
    follow,
    live,
    config,
    host,
    bootId,
    startedAt,
    bus,
    watching,
    book,
    ledger,
    openAtStart,
    startHeight,
    reportedEvents,
    ovsdb,
    networkManager,
    drivers,
    facts,
    parking,
    veths,
  };
}
