// The daemon, as a list: what is built, what is offered, what is listened to, and what ends it.

import './interpret-start.ts';
import { mkdir } from 'node:fs/promises';
import { AGENT_NAME } from '../core/bus/agent-names.ts';
import { observeBridges, observePorts } from '../core/drivers/ovsdb/observe.ts';
import { exec } from '../core/lib/exec.ts';
import { isJournal, journalLog, plainLog } from '../core/lib/log.ts';
import { settleIntents } from '../reconcile/settle-intents.ts';
import { buildAgent } from './build-agent.ts';
import { buildGuests } from './build-guests.ts';
import { buildHost } from './build-host.ts';
import { compileAgain } from './engine-flags.ts';
import { handBackWithoutBus } from './hand-back-without-bus.ts';
import { listenToHooks, listenToRuntimes, watchHost } from './listen.ts';
import { openProducers } from './open-producers.ts';
import { PLACES } from './places.ts';
import { publishConfig } from './reload.ts';
import { openRequests } from './requests.ts';
import { runUntilEnd } from './run-until-end.ts';
import { serve } from './serve.ts';
import { endStart, firstReconcile, terminated } from './start-and-end.ts';

const log = (isJournal(1, process.env) ? journalLog : plainLog)((line) => process.stdout.write(line));

async function main(): Promise<number> {
  const asked = terminated();
  await mkdir(PLACES.producerSockets, { recursive: true });
  const requests = openRequests();
  const host = await buildHost(log);
  const guests = { ...host, ...(await buildGuests(host, requests)) };
  const parts = { ...guests, ...buildAgent(guests, requests) };
  const { agent, bus, config, ledger, netmaker, ovsdb, spool, onError } = parts;
  const producers = await openProducers(guests);
  serve(parts, producers);

  await publishConfig(PLACES.runtime, { ...config });
  await firstReconcile(agent.reconcile, ovsdb, onError);
  await settleIntents(ledger, parts.openAtStart, {
    ports: observePorts(ovsdb.replica),
    bridges: observeBridges(ovsdb.replica),
  });
  await bus.requestName(AGENT_NAME);
  const hooks = await listenToHooks(parts);
  log.info(`ready, ledger at height ${ledger.head().height}`);

  const watches = watchHost(parts);
  await spool.watch(onError);
  void spool.absorb().catch(onError);
  const runtimes = listenToRuntimes(parts);

  compileAgain();

  const { reconciler, parking } = parts;
  const open = [producers.start(), runtimes, hooks, reconciler, ...watches, spool, netmaker, parking];
  return runUntilEnd({ ...parts, asked, open });
}

void main()
  .catch(async (error: unknown) => {
    await handBackWithoutBus(error, log);
    return endStart(error, { log, runtimeDir: PLACES.runtime, exec, env: process.env });
  })
  .then((code) => process.exit(code));
