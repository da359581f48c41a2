// Opens what is recorded beside guests and ports: settings, calls and logins, storage, and programs of others.

import { dirname } from 'node:path';
import { OPEN_CATEGORIES } from '../api/ledger-producers.ts';
import type { Method } from '../api/method.ts';
import { stopUnit } from '../core/bus/systemd.ts';
import type { Config } from '../core/config/config.ts';
import { CONFIG_PATH } from '../core/config/load.ts';
import { effectiveKeys } from '../core/config/origins.ts';
import { defaultConfig } from '../core/config/parse-config.ts';
import { pause } from '../core/lib/deadline.ts';
import { converse } from '../core/lib/exec.ts';
import type { Json } from '../core/lib/json.ts';
import { findProducers } from '../producers/external/discover.ts';
import { openProducer } from '../producers/external/open.ts';
import { superviseProducers } from '../producers/external/supervise.ts';
import { redacted } from '../producers/redacted.ts';
import type { Settings } from '../producers/settings/difference.ts';
import { watchOwnSteps } from '../producers/settings/own-steps.ts';
import { watchSettings } from '../producers/settings/watch-settings.ts';
import { watchStorage } from '../producers/storage/watch-storage.ts';
import { type Calls, openCalls } from '../producers/users/calls.ts';
import { watchLogins } from '../producers/users/logins.ts';
import type { GuestParts } from './build-guests.ts';
import type { HostParts } from './build-host.ts';
import type { Closable } from './listen.ts';
import { PLACES } from './places.ts';

type Parts = HostParts & GuestParts;

export interface Producers {
  /** The configuration as it was just read; answers the height of the block about what changed, if there is one. */
  noteConfig(config: Config, caller: { user: string; pid: number } | undefined): Promise<number | undefined>;
  /** The same methods; calls of them are recorded. */
  recordCalls(methods: readonly Method[]): Method[];
  /** Begins to look, once the agent is ready. */
  start(): Closable;
}

const STORAGE_EVERY_MS = 15_000;
const FOLDERS_EVERY_MS = 10_000;
const CLOSE_MS = 1500;

export async function openProducers(parts: Parts): Promise<Producers> {
  const { bus, config, steady, onError } = parts;
  const ledger = redacted(parts.ledger, config.producers.redact);
  const watch = config.producers.settings ? await openSettings(parts, ledger) : undefined;
  const reads = config.producers.users === 'all';
  const calls = config.producers.users === 'off' ? undefined : openCalls({ ledger, reads, steady, onError });
  if (calls)
    bus.onRefused(({ member, caller }) => void calls.refused(member, caller.uid, caller.pid).catch(onError));
  return {
    noteConfig: async (next, caller) => watch?.settings.noteConfig(keysOf(next), 'reload', caller),
    recordCalls: (methods) =>
      calls === undefined ? [...methods] : methods.map((method) => recorded(method, calls)),
    start() {
      const open = [
        watch?.start(),
        calls && later(watchLogins({ bus, ledger, steady, onError }), onError),
        config.producers.storage ? later(openStorage(parts, ledger), onError) : undefined,
        config.producers.external ? openExternal(parts, ledger) : undefined,
      ];
      return {
        close: async () => void (await Promise.all(open.map((each) => each?.close()))),
      };
    },
  };
}

type Appender = ReturnType<typeof redacted>;

async function openSettings(parts: Parts, ledger: Appender) {
  const { config, ovsdb, desiredState, steady, now, log, onError } = parts;
  const steps = watchOwnSteps(parts.ledger, steady);
  const settings = await watchSettings({
    ledger,
    seenFile: PLACES.seenSettings,
    configPath: CONFIG_PATH,
    defaults: keysOf(defaultConfig()),
    ovsdb,
    isManaged: (bridge) =>
      config.bridges[bridge] !== undefined || desiredState.bindings().some((each) => each.bridge === bridge),
    isOurs: steps.isOurs,
    now,
    steady,
    warn: log.warning,
    onError,
  });
  ovsdb.onChange((changes) => {
    const isSetting = ({ table }: { table: string }) => ['Bridge', 'Port', 'Controller'].includes(table);
    if (changes.some(isSetting)) settings.soon();
  });
  return {
    settings,
    start(): Closable {
      void settings.noteConfig(keysOf(config), 'start');
      settings.soon();
      return {
        close() {
          steps.close();
          return settings.close();
        },
      };
    },
  };
}

function openStorage({ config, now, steady, log, onError }: Parts, ledger: Appender): Promise<Closable> {
  const { proxmox, lxc } = config;
  const paths = [dirname(config.ledger.path), proxmox.root, '/var/lib/docker', lxc.root, PLACES.state];
  return watchStorage({
    ledger,
    paths: [...new Set(paths)],
    seenFile: PLACES.seenStorage,
    everyMs: STORAGE_EVERY_MS,
    now,
    steady,
    warn: log.warning,
    onError,
  });
}

function openExternal({ bus, config, steady, log, onError }: Parts, ledger: Appender): Closable {
  const supervisor = superviseProducers({
    ledger,
    find: () => findProducers({ programs: PLACES.producerPrograms, sockets: PLACES.producerSockets }),
    open: openProducer({ converse, stopUnit: (unit) => stopUnit(bus, unit).catch(() => undefined) }),
    openCategories: OPEN_CATEGORIES,
    rate: config.producers.external_rate,
    everyMs: FOLDERS_EVERY_MS,
    steady,
    log,
    onError,
  });
  // systemd ends what does not end by itself; nobody's network card waits for that.
  return { close: () => Promise.race([supervisor.close(), pause(CLOSE_MS)]) };
}

function recorded(method: Method, calls: Calls): Method {
  return {
    ...method,
    run: (args, caller) =>
      calls.during({ method: method.name, arguments: args, changes: method.changes, ...caller }, (about) =>
        method.run(args, { ...caller, about }),
      ),
  };
}

function keysOf(config: Config): Settings {
  return Object.fromEntries(effectiveKeys(config, {}).map(({ key, value }) => [key, value as Json]));
}

/** What is opened while the agent goes on; a failure is told and costs that one alone. */
function later(opening: Promise<Closable | (() => unknown)>, onError: (error: unknown) => void): Closable {
  const opened = opening.catch((error: unknown) => void onError(error));
  return {
    async close() {
      const found = await Promise.race([opened, pause(1000)]);
      await (typeof found === 'function' ? found() : found?.close());
    },
  };
}
