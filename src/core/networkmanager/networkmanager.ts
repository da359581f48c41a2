// NetworkManager's D-Bus calls that we need, one function each, with its signals already listened to.

import { z } from 'zod';
import { type Bus, busErrorType } from '../bus/bus.ts';
import { withDeadline } from '../lib/deadline.ts';
import { AgentError, isAgentError } from '../lib/errors.ts';
import { isGone, openAnswering } from './answering.ts';
import {
  ABSENT_ERRORS,
  ACTIVE,
  ActiveState,
  BLOCK_AUTOCONNECT,
  CAPABILITY_OVS,
  CONNECTION,
  IN_MEMORY,
  NM,
  NM_PATH,
  PROPERTIES,
  SETTINGS,
  SETTINGS_PATH,
} from './names.ts';
import type { Profile, Typed } from './profile.ts';

/** Milliseconds for a question. With hundreds of ports NetworkManager may be busy that long; a hook waits ten seconds. */
const READ_MS = 5_000;
const CHANGE_MS = 10_000;

export interface NetworkManagerState {
  running: boolean;
  /** Has its name on the bus and does not answer; `running` is false then, nothing can be had from it. */
  silent: boolean;
  ovs: boolean;
  version: string;
  /** True while NetworkManager is still bringing up what it had (property Startup). */
  starting: boolean;
}

/** Of a host on which nobody has its name on the bus. */
export const NO_NETWORKMANAGER: NetworkManagerState = {
  running: false,
  silent: false,
  ovs: false,
  version: '',
  starting: false,
};

/** A profile as GetSettings shows it, as far as we look. */
export interface StoredProfile {
  path: string;
  uuid: string;
  type: string;
  interfaceName: string;
  user: Readonly<Record<string, string>>;
}

export interface NetworkManager {
  state(): Promise<NetworkManagerState>;
  /** Adds a profile in memory and returns its object path; one with the same UUID is replaced. */
  addProfile(profile: Profile): Promise<string>;
  /** Deletes a profile, which also deactivates it; one that is gone already is fine. */
  deleteProfile(uuid: string): Promise<boolean>;
  /** Object path of the profile, or undefined. */
  profilePath(uuid: string): Promise<string | undefined>;
  /** None when NetworkManager is not there: what it kept in /run comes back with it, and so does the question. */
  profiles(): Promise<StoredProfile[]>;
  /** Object path of the device of a kernel link; waits for NetworkManager to notice a fresh one. */
  devicePath(link: string, deadlineMs: number): Promise<string>;
  /** Activates and waits for the outcome. `device` is `/` for a device that NetworkManager makes. */
  activate(profilePath: string, device: string, deadlineMs: number): Promise<void>;
  /** Leaves a link alone again, as before we activated a profile on it; one that is gone is fine. */
  unmanage(link: string): Promise<void>;
  /** Resolves once NetworkManager has brought up what it had. Throws `deadline-exceeded`. */
  settled(deadlineMs: number): Promise<void>;
  /** Called with true when NetworkManager appears on the bus or answers again, with false when it goes or hangs. */
  onPresence(listener: (present: boolean) => void): void;
}

const settingsSchema = z.tuple([
  z.object({
    connection: z.object({
      uuid: z.string(),
      type: z.string(),
      'interface-name': z.string().optional(),
    }),
    user: z.object({ data: z.record(z.string(), z.string()).optional() }).optional(),
  }),
]);
const stateSchema = z.object({
  Version: z.string(),
  Capabilities: z.array(z.number()).default([]),
  Startup: z.boolean(),
});
const pathReply = z.tuple([z.string()]).rest(z.unknown());
const pathsReply = z.tuple([z.array(z.string())]);
const stateSignal = z.tuple([z.number(), z.number()]);
const ownerSignal = z.tuple([z.string(), z.string(), z.string()]);

/**
 * Subscribes to what the calls need. NetworkManager itself need not be there yet. While it is away or hangs each call
 * throws `networkmanager-unavailable`, and what waits for something of it does so at once.
 *
 * @param onOdd told, once each, of profiles that cannot be made out; they are left out
 */
export async function openNetworkManager(
  bus: Bus,
  onOdd: (problem: string) => void = () => undefined,
): Promise<NetworkManager> {
  const activeStates = new Map<string, { state: number; reason: number }>();
  const activeWaiters = new Map<string, (outcome: { state: number; reason: number }) => void>();
  const deviceWaiters = new Set<() => void>();
  const presenceListeners: ((present: boolean) => void)[] = [];
  const profileCache = new Map<string, StoredProfile>();
  const odd = new Set<string>();
  const leavers = new Set<(error: AgentError) => void>();

  const tell = (present: boolean) => {
    for (const listener of presenceListeners) listener(present);
  };
  const answering = openAnswering(bus, (silent) => tell(!silent));
  const call = (
    path: string,
    iface: string,
    member: string,
    signature = '',
    body: unknown[] = [],
    deadlineMs = READ_MS,
  ) => answering.call({ path, interface: iface, member, signature, body, deadlineMs });

  /** Nothing that NetworkManager was asked for comes any more once it has gone. */
  const whileThere = async <T>(work: Promise<T>): Promise<T> => {
    let leave: (error: AgentError) => void = () => {};
    const gone = new Promise<never>((_, reject) => {
      leave = reject;
    });
    leavers.add(leave);
    try {
      return await Promise.race([work, gone]);
    } finally {
      leavers.delete(leave);
    }
  };

  const encode = (typed: Typed): unknown => {
    if (typed.signature !== 'aa{sv}') return bus.variant(typed.signature, typed.value);
    const dicts = typed.value as readonly Record<string, Typed>[];
    return bus.variant(
      typed.signature,
      dicts.map((dict) => mapValues(dict, encode)),
    );
  };

  await Promise.all([
    bus.subscribe({ sender: NM, interface: ACTIVE, member: 'StateChanged' }, (signal) => {
      const [state, reason] = stateSignal.parse(signal.body);
      const waiter = activeWaiters.get(signal.path);
      if (waiter) waiter({ state, reason });
      else if (state === ActiveState.deactivated) activeStates.delete(signal.path);
      else activeStates.set(signal.path, { state, reason });
    }),
    bus.subscribe({ sender: NM, interface: NM, member: 'DeviceAdded' }, () => {
      wake(deviceWaiters);
    }),
    bus.subscribe({ sender: NM, interface: SETTINGS, member: 'ConnectionRemoved' }, (signal) => {
      profileCache.delete(String(signal.body[0]));
    }),
    bus.subscribe(
      {
        sender: 'org.freedesktop.DBus',
        interface: 'org.freedesktop.DBus',
        member: 'NameOwnerChanged',
        arg0: NM,
      },
      (signal) => {
        const [, , owner] = ownerSignal.parse(signal.body);
        activeStates.clear();
        activeWaiters.clear();
        profileCache.clear();
        answering.ownerChanged();
        for (const leave of leavers)
          leave(new AgentError('networkmanager-unavailable', 'NetworkManager has gone'));
        wake(deviceWaiters);
        tell(owner !== '');
      },
    ),
  ]);

  const profilePath = async (uuid: string): Promise<string | undefined> => {
    try {
      return pathReply.parse(await call(SETTINGS_PATH, SETTINGS, 'GetConnectionByUuid', 's', [uuid]))[0];
    } catch (error) {
      if (ABSENT_ERRORS.includes(busErrorType(error) ?? '')) return undefined;
      throw error;
    }
  };

  const removeAt = async (path: string): Promise<void> => {
    try {
      await call(path, CONNECTION, 'Delete', '', [], CHANGE_MS);
    } catch (error) {
      if (!ABSENT_ERRORS.includes(busErrorType(error) ?? '')) throw error;
    }
  };

  const add = async (profile: Profile): Promise<string> => {
    const settings = mapValues(profile, (section) => mapValues(section, encode));
    const flags = IN_MEMORY | BLOCK_AUTOCONNECT;
    const body = [settings, flags, {}];
    const reply = await call(SETTINGS_PATH, SETTINGS, 'AddConnection2', 'a{sa{sv}}ua{sv}', body, CHANGE_MS);
    return pathReply.parse(reply)[0];
  };

  /** Settles when the active connection at `path` has come up or gone down. */
  const outcome = (path: string, signal: AbortSignal) =>
    new Promise<{ state: number; reason: number }>((resolve) => {
      const settle = (change: { state: number; reason: number }) => {
        if (change.state !== ActiveState.activated && change.state !== ActiveState.deactivated) return;
        activeWaiters.delete(path);
        resolve(change);
      };
      activeWaiters.set(path, settle);
      signal.addEventListener('abort', () => activeWaiters.delete(path), { once: true });
      const known = activeStates.get(path);
      activeStates.delete(path);
      if (known) settle(known);
    });

  const readState = async (): Promise<NetworkManagerState> => {
    try {
      const [properties] = await call(NM_PATH, PROPERTIES, 'GetAll', 's', [NM]);
      const found = stateSchema.parse(properties);
      return {
        running: true,
        silent: false,
        ovs: found.Capabilities.includes(CAPABILITY_OVS),
        version: found.Version,
        starting: found.Startup,
      };
    } catch (error) {
      const isAway = busErrorType(error) !== undefined || isAgentError(error, 'networkmanager-unavailable');
      if (!isAway) throw error;
      return { ...NO_NETWORKMANAGER, silent: answering.silent };
    }
  };

  return {
    state: readState,
    profilePath,

    async addProfile(profile) {
      try {
        return await add(profile);
      } catch (error) {
        const uuid = profile['connection']?.['uuid']?.value;
        if (isAgentError(error, 'networkmanager-unavailable')) throw error;
        const stale = typeof uuid === 'string' ? await profilePath(uuid) : undefined;
        if (stale === undefined) throw error;
        await removeAt(stale);
        return add(profile);
      }
    },

    async deleteProfile(uuid) {
      const path = await profilePath(uuid);
      if (path === undefined) return false;
      try {
        await removeAt(path);
      } catch (error) {
        // Somebody else was quicker: the outcome is what was asked for.
        if ((await profilePath(uuid)) !== undefined) throw error;
      }
      return true;
    },

    async profiles() {
      const reply = await call(SETTINGS_PATH, SETTINGS, 'ListConnections').catch((error: unknown) => {
        if (isGone(error)) return undefined;
        throw error;
      });
      if (reply === undefined) return [];
      const [paths] = pathsReply.parse(reply);
      const found = await Promise.all(
        paths.map(async (path) => {
          const cached = profileCache.get(path);
          if (cached) return cached;
          try {
            const read = settingsSchema.safeParse(await call(path, CONNECTION, 'GetSettings'));
            if (!read.success) {
              const [issue] = read.error.issues;
              if (!odd.has(path))
                onOdd(`the profile ${path}: ${issue?.path.slice(1).join('.')}: ${issue?.message}`);
              odd.add(path);
              return undefined;
            }
            odd.delete(path);
            const [settings] = read.data;
            const profile: StoredProfile = {
              path,
              uuid: settings.connection.uuid,
              type: settings.connection.type,
              interfaceName: settings.connection['interface-name'] ?? '',
              user: settings.user?.data ?? {},
            };
            profileCache.set(path, profile);
            return profile;
          } catch (error) {
            if (ABSENT_ERRORS.includes(busErrorType(error) ?? '')) return undefined;
            throw error;
          }
        }),
      );
      return found.filter((profile) => profile !== undefined);
    },

    devicePath(link, deadlineMs) {
      const seen = async (signal: AbortSignal): Promise<string> => {
        for (;;) {
          const added = new Promise<void>((resolve) => {
            deviceWaiters.add(resolve);
            signal.addEventListener('abort', () => resolve(), { once: true });
          });
          try {
            return pathReply.parse(await call(NM_PATH, NM, 'GetDeviceByIpIface', 's', [link]))[0];
          } catch (error) {
            if (!ABSENT_ERRORS.includes(busErrorType(error) ?? '')) throw error;
          }
          await added;
          if (signal.aborted) throw signal.reason;
        }
      };
      const what = `waiting for NetworkManager to see ${link}`;
      return withDeadline(deadlineMs, what, (signal) => whileThere(seen(signal)));
    },

    async activate(path, device, deadlineMs) {
      await withDeadline(deadlineMs, 'activation by NetworkManager', async (signal) => {
        const reply = await call(NM_PATH, NM, 'ActivateConnection', 'ooo', [path, device, '/'], deadlineMs);
        const [active] = pathReply.parse(reply);
        const end = await whileThere(outcome(active, signal));
        if (end.state === ActiveState.activated) return;
        const text = `NetworkManager gave up the activation (reason ${end.reason})`;
        throw new AgentError('activation-failed', text);
      });
    },

    settled(deadlineMs) {
      return withDeadline(deadlineMs, "NetworkManager's start-up", async (signal) => {
        const waiters = new Set<() => void>();
        // Only for as long as it takes: with 200 ports each attach brings a dozen of these, each with all devices in it.
        const rule = { sender: NM, interface: PROPERTIES, member: 'PropertiesChanged', path: NM_PATH };
        const unsubscribe = await bus.subscribe(rule, () => wake(waiters));
        const leave = () => wake(waiters);
        leavers.add(leave);
        try {
          for (;;) {
            const changed = new Promise<void>((resolve) => {
              waiters.add(resolve);
              signal.addEventListener('abort', () => resolve(), { once: true });
            });
            const state = await readState();
            if (!state.running || !state.starting) return;
            await changed;
            if (signal.aborted) throw signal.reason;
          }
        } finally {
          leavers.delete(leave);
          await unsubscribe();
        }
      });
    },

    async unmanage(link) {
      try {
        const [device] = pathReply.parse(await call(NM_PATH, NM, 'GetDeviceByIpIface', 's', [link]));
        const unmanaged = bus.variant('b', false);
        await call(device, PROPERTIES, 'Set', 'ssv', [`${NM}.Device`, 'Managed', unmanaged]);
      } catch (error) {
        if (!ABSENT_ERRORS.includes(busErrorType(error) ?? '')) throw error;
      }
    },

    onPresence: (listener) => void presenceListeners.push(listener),
  };
}

/** Each waiter waits for one event only. */
function wake(waiters: Set<() => void>): void {
  const woken = [...waiters];
  waiters.clear();
  for (const waiter of woken) waiter();
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
