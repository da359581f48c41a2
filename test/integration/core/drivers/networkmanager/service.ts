// A NetworkManager on a bus of the test's own: what we call of its API, with the answers, errors and signals of the real one.
//
// Signatures and error names are those of `gdbus introspect --system -d org.freedesktop.NetworkManager -o …` and of
// NetworkManager's libnm-core (1.42 to 1.58). Like the real one it takes profiles strictly.

import type { Bus, IncomingCall } from '../../../../../src/core/bus/bus.ts';
import { connectSystemBus } from '../../../../../src/core/bus/system-bus.ts';
import {
  ACTIVE,
  ActiveState,
  CAPABILITY_OVS,
  CONNECTION,
  NM,
  NM_PATH,
  PROPERTIES,
  SETTINGS,
  SETTINGS_PATH,
} from '../../../../../src/core/networkmanager/names.ts';

export type Settings = Record<string, Record<string, unknown>>;
/** How an activation ends. NM_ACTIVE_CONNECTION_STATE_REASON_*; `undefined`: it stays on its way. */
export type Ending = 'activated' | { reason: number } | undefined;

export interface NetworkManagerService {
  /** `Interface.Member` of each call, in order. */
  readonly calls: string[];
  /** By object path. */
  readonly profiles: Map<string, Settings>;
  /** Flags of each AddConnection2. */
  readonly flags: number[];
  /** Links that were set to be left alone. */
  readonly unmanaged: string[];
  startup: boolean;
  /** Whether StateChanged goes out before the reply that names its object. */
  signalsFirst: boolean;
  /** Asked at each ActivateConnection. */
  onActivate: (profile: Settings, device: string) => Ending;
  onDelete: (profile: Settings) => void;
  addDevice(link: string): void;
  setStartup(startup: boolean): void;
  /** Leaves the bus, as at a stop or a crash. */
  leave(): Promise<void>;
}

const KNOWN_CONNECTION_KEYS: readonly string[] = [
  'id',
  'uuid',
  'type',
  'interface-name',
  'autoconnect',
  'autoconnect-retries',
  'master',
  'slave-type',
];
const DEVICE = `${NM_PATH}/Devices/`;

/** `address`: of the bus. */
export async function startNetworkManager(address: string): Promise<NetworkManagerService> {
  process.env.DBUS_SYSTEM_BUS_ADDRESS = address;
  const bus = await connectSystemBus();
  const service = new Service(bus);
  bus.serve((call) => service.take(call));
  await bus.requestName(NM);
  return service;
}

class Service implements NetworkManagerService {
  readonly calls: string[] = [];
  readonly profiles = new Map<string, Settings>();
  readonly flags: number[] = [];
  readonly unmanaged: string[] = [];
  startup = false;
  signalsFirst = false;
  onActivate: NetworkManagerService['onActivate'] = () => 'activated';
  onDelete: NetworkManagerService['onDelete'] = () => undefined;
  readonly #bus: Bus;
  readonly #devices = new Map<string, string>();
  #serial = 0;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  take(call: IncomingCall): boolean {
    const name = `${call.interface}.${call.member}`;
    const method = this.#methods[name];
    if (method === undefined) return false;
    this.calls.push(name.replace(`${NM}.`, ''));
    method(call);
    return true;
  }

  addDevice(link: string): void {
    const path = `${DEVICE}${++this.#serial}`;
    this.#devices.set(link, path);
    this.#bus.emit(NM_PATH, NM, 'DeviceAdded', 'o', [path]);
  }

  setStartup(startup: boolean): void {
    this.startup = startup;
    const changed = { Startup: this.#bus.variant('b', startup) };
    this.#bus.emit(NM_PATH, PROPERTIES, 'PropertiesChanged', 'sa{sv}as', [NM, changed, []]);
  }

  async leave(): Promise<void> {
    this.#bus.close();
    await this.#bus.closed;
  }

  readonly #methods: Record<string, (call: IncomingCall) => void> = {
    /** GetAll(in s interface_name, out a{sv} properties) */
    [`${PROPERTIES}.GetAll`]: (call) => {
      const { variant } = this.#bus;
      const all = {
        Version: variant('s', '1.52.1'),
        Capabilities: variant('au', [1, CAPABILITY_OVS]),
        Startup: variant('b', this.startup),
      };
      call.reply('a{sv}', [all]);
    },
    /** Set(in s interface_name, in s property_name, in v value) */
    [`${PROPERTIES}.Set`]: (call) => {
      const [, property, value] = call.arguments();
      const link = [...this.#devices].find(([, path]) => path === call.path)?.[0];
      if (property === 'Managed' && value === false && link !== undefined) this.unmanaged.push(link);
      call.reply('', []);
    },
    /** GetDeviceByIpIface(in s iface, out o device) */
    [`${NM}.GetDeviceByIpIface`]: (call) => {
      const path = this.#devices.get(String(call.arguments()[0]));
      if (path === undefined) call.fail(`${NM}.UnknownDevice`, 'No device found for the requested iface.');
      else call.reply('o', [path]);
    },
    /** ActivateConnection(in o connection, in o device, in o specific_object, out o active_connection) */
    [`${NM}.ActivateConnection`]: (call) => {
      const [path, device] = call.arguments().map(String);
      const profile = this.profiles.get(path ?? '');
      if (profile === undefined) return call.fail(`${NM}.UnknownConnection`, 'Connection is not known.');
      const active = `${NM_PATH}/ActiveConnection/${++this.#serial}`;
      const ending = this.onActivate(profile, device ?? '');
      const tell = () => {
        if (ending === undefined) return;
        const change =
          ending === 'activated' ? [ActiveState.activated, 1] : [ActiveState.deactivated, ending.reason];
        this.#bus.emit(active, ACTIVE, 'StateChanged', 'uu', change);
      };
      if (!this.signalsFirst) {
        call.reply('o', [active]);
        return tell();
      }
      tell();
      // A signal leaves in the next turn of the loop.
      setImmediate(() => setImmediate(() => call.reply('o', [active])));
    },
    /** AddConnection2(in a{sa{sv}} settings, in u flags, in a{sv} args, out o path, out a{sv} result) */
    [`${SETTINGS}.AddConnection2`]: (call) => {
      const [settings, flags] = call.arguments() as [Settings, number];
      const refused = this.#refusal(settings, flags);
      if (refused !== undefined) return call.fail(...refused);
      this.flags.push(flags);
      const path = `${SETTINGS_PATH}/${++this.#serial}`;
      this.profiles.set(path, settings);
      call.reply('oa{sv}', [path, {}]);
    },
    /** GetConnectionByUuid(in s uuid, out o connection) */
    [`${SETTINGS}.GetConnectionByUuid`]: (call) => {
      const path = this.#pathOf(call.arguments()[0]);
      if (path === undefined)
        call.fail(`${SETTINGS}.InvalidConnection`, 'No connection with the UUID was found.');
      else call.reply('o', [path]);
    },
    /** ListConnections(out ao connections) */
    [`${SETTINGS}.ListConnections`]: (call) => call.reply('ao', [[...this.profiles.keys()]]),
    /** GetSettings(out a{sa{sv}} settings); secrets and what we do not read are left out */
    [`${CONNECTION}.GetSettings`]: (call) => {
      const profile = this.profiles.get(call.path);
      if (profile === undefined)
        return call.fail('org.freedesktop.DBus.Error.UnknownMethod', 'No such object');
      const { connection = {}, user } = profile;
      const { variant } = this.#bus;
      const texts = Object.entries(connection).filter(([, value]) => typeof value === 'string');
      call.reply('a{sa{sv}}', [
        {
          connection: Object.fromEntries(texts.map(([key, value]) => [key, variant('s', value)])),
          ...(user && { user: { data: variant('a{ss}', user['data']) } }),
        },
      ]);
    },
    /** Delete() */
    [`${CONNECTION}.Delete`]: (call) => {
      const profile = this.profiles.get(call.path);
      if (profile === undefined)
        return call.fail('org.freedesktop.DBus.Error.UnknownMethod', 'No such object');
      this.profiles.delete(call.path);
      this.onDelete(profile);
      call.reply('', []);
      this.#bus.emit(SETTINGS_PATH, SETTINGS, 'ConnectionRemoved', 'o', [call.path]);
    },
  };

  #pathOf(uuid: unknown): string | undefined {
    return [...this.profiles].find(([, { connection }]) => connection?.['uuid'] === uuid)?.[0];
  }

  /** libnm-core parses strictly: one unknown key makes the whole profile fail. */
  #refusal({ connection = {} }: Settings, flags: number): [string, string] | undefined {
    const odd = Object.keys(connection).find((key) => !KNOWN_CONNECTION_KEYS.includes(key));
    if (odd !== undefined) return [`${CONNECTION}.InvalidProperty`, `connection.${odd}: unknown property`];
    const places = flags & 0x3;
    if ((flags & ~0x23) !== 0 || places === 0 || places === 0x3)
      return [`${NM}.InvalidArguments`, 'Invalid flags'];
    if (this.#pathOf(connection['uuid']) !== undefined) {
      return [`${SETTINGS}.UuidExists`, 'A connection with this UUID already exists.'];
    }
    return undefined;
  }
}
