// What NetworkManager says of itself and of a bridge's profile: reading only.

import { z } from 'zod';
import { type Bus, busErrorType } from '../bus/bus.ts';
import {
  ABSENT_ERRORS,
  CONNECTION,
  GONE_ERRORS,
  NM,
  NM_PATH,
  PROPERTIES,
  SETTINGS,
  SETTINGS_PATH,
} from './names.ts';

export interface NetworkManagerOverview {
  version: string;
  /** NMState in words, such as `connected`. */
  state: string;
  /** NMConnectivityState in words: `none`, `portal`, `limited`, `full` or `unknown`. */
  connectivity: string;
  /** Whether it asks a server to find that out; else it goes by routes alone. */
  checksConnectivity: boolean;
  /** Whether such a check has to look up a name first. */
  checkNeedsDns: boolean;
  activeConnections: number;
  totalConnections: number;
  devices: number;
}

// libnm-core-public/nm-dbus-interface.h
const STATES: Readonly<Record<number, string>> = {
  10: 'asleep',
  20: 'disconnected',
  30: 'disconnecting',
  40: 'connecting',
  50: 'connected (local only)',
  60: 'connected (site only)',
  70: 'connected',
};
const CONNECTIVITY: Readonly<Record<number, string>> = { 1: 'none', 2: 'portal', 3: 'limited', 4: 'full' };

const propertiesSchema = z.tuple([
  z.object({
    Version: z.string(),
    State: z.number(),
    Connectivity: z.number(),
    ActiveConnections: z.array(z.string()),
    Devices: z.array(z.string()),
    ConnectivityCheckAvailable: z.boolean().default(false),
    ConnectivityCheckEnabled: z.boolean().default(false),
    ConnectivityCheckUri: z.string().default(''),
  }),
]);
const pathsReply = z.tuple([z.array(z.string())]);
const textReply = z.tuple([z.string()]);
const profileReply = z.tuple([z.object({ connection: z.object({ id: z.string(), uuid: z.string() }) })]);

/** Undefined when NetworkManager is not on the bus. Throws `bus-call-failed` or `deadline-exceeded`. */
export async function networkManagerOverview(bus: Bus): Promise<NetworkManagerOverview | undefined> {
  const call = { destination: NM, deadlineMs: 10_000 };
  return unlessAbsent(GONE_ERRORS, async () => {
    const [properties, connections] = await Promise.all([
      bus.call({
        ...call,
        path: NM_PATH,
        interface: PROPERTIES,
        member: 'GetAll',
        signature: 's',
        body: [NM],
      }),
      bus.call({ ...call, path: SETTINGS_PATH, interface: SETTINGS, member: 'ListConnections' }),
    ]);
    const [found] = propertiesSchema.parse(properties);
    const [paths] = pathsReply.parse(connections);
    return {
      version: found.Version,
      state: STATES[found.State] ?? 'unknown',
      connectivity: CONNECTIVITY[found.Connectivity] ?? 'unknown',
      checksConnectivity: found.ConnectivityCheckAvailable && found.ConnectivityCheckEnabled,
      checkNeedsDns: needsDns(found.ConnectivityCheckUri),
      activeConnections: found.ActiveConnections.length,
      totalConnections: paths.length,
      devices: found.Devices.length,
    };
  });
}

/** The introspection XML of NetworkManager's main object, or undefined when nobody has its name. */
export function introspectNetworkManager(bus: Bus): Promise<string | undefined> {
  return unlessAbsent(GONE_ERRORS, async () => {
    const reply = await bus.call({
      destination: NM,
      path: NM_PATH,
      interface: 'org.freedesktop.DBus.Introspectable',
      member: 'Introspect',
    });
    return textReply.parse(reply)[0];
  });
}

export interface ProfileName {
  id: string;
  uuid: string;
}

/** A profile as it is called now, or undefined when there is none with this UUID, or no NetworkManager. */
export function profileName(bus: Bus, uuid: string): Promise<ProfileName | undefined> {
  return unlessAbsent([...GONE_ERRORS, ...ABSENT_ERRORS], async () => {
    const member = 'GetConnectionByUuid';
    const settings = { destination: NM, path: SETTINGS_PATH, interface: SETTINGS };
    const [path] = textReply.parse(await bus.call({ ...settings, member, signature: 's', body: [uuid] }));
    const reply = await bus.call({ destination: NM, path, interface: CONNECTION, member: 'GetSettings' });
    return profileReply.parse(reply)[0].connection;
  });
}

async function unlessAbsent<T>(absent: readonly string[], work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (absent.includes(busErrorType(error) ?? '')) return undefined;
    throw error;
  }
}

function needsDns(uri: string): boolean {
  if (!URL.canParse(uri)) return false;
  const { hostname } = new URL(uri);
  return hostname !== '' && !hostname.startsWith('[') && !/^[\d.]+$/.test(hostname);
}
