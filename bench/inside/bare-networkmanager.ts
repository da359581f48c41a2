// The peer: the bare D-Bus calls that make a port through NetworkManager, and nothing besides.

import { randomUUID } from 'node:crypto';
import dbus from 'dbus-next';
import { openSystemBus, type SystemBus } from './system-bus.ts';

const NM = 'org.freedesktop.NetworkManager';
const NM_PATH = '/org/freedesktop/NetworkManager';
const SETTINGS_PATH = `${NM_PATH}/Settings`;
const IN_MEMORY_BLOCK_AUTOCONNECT = 0x22;
const ACTIVATED = 2;
const DEACTIVATED = 4;

export interface BarePort {
  bridge: string;
  port: string;
  interface: string;
}

export interface BareNetworkManager extends SystemBus {
  /** Two profiles, one activation, and the wait for ACTIVATED. Returns the profiles' object paths. */
  attach(port: BarePort): Promise<string[]>;
  remove(profiles: readonly string[]): Promise<void>;
  /** Whether NetworkManager has seen the device. */
  device(link: string): Promise<string | undefined>;
}

const text = (value: string) => new dbus.Variant('s', value);

export async function openBareNetworkManager(): Promise<BareNetworkManager> {
  const bus = await openSystemBus();
  const { call } = bus;

  const states = new Map<string, number>();
  let changed = () => {};
  bus.onMessage((message) => {
    if (message.member !== 'StateChanged') return;
    states.set(message.path, Number(message.body[0]));
    changed();
  });
  const rule = `type='signal',sender='${NM}',interface='${NM}.Connection.Active',member='StateChanged'`;
  const daemon = 'org.freedesktop.DBus';
  await call(daemon, '/org/freedesktop/DBus', daemon, 'AddMatch', 's', [rule]);

  const add = async (profile: Record<string, Record<string, unknown>>) => {
    const body = [profile, IN_MEMORY_BLOCK_AUTOCONNECT, {}];
    const [path] = await call(NM, SETTINGS_PATH, `${NM}.Settings`, 'AddConnection2', 'a{sa{sv}}ua{sv}', body);
    return String(path);
  };

  return {
    ...bus,
    async attach({ bridge, port, interface: link }) {
      const portUuid = randomUUID();
      const profiles = [
        await add({
          connection: {
            id: text(port),
            uuid: text(portUuid),
            type: text('ovs-port'),
            'interface-name': text(port),
            master: text(bridge),
            'slave-type': text('ovs-bridge'),
          },
          'ovs-port': {},
        }),
        await add({
          connection: {
            id: text(link),
            uuid: text(randomUUID()),
            type: text('802-3-ethernet'),
            'interface-name': text(link),
            master: text(portUuid),
            'slave-type': text('ovs-port'),
          },
          '802-3-ethernet': {},
          'ovs-interface': { type: text('system') },
        }),
      ];
      const args = [profiles[1], '/', '/'];
      const [active] = await call(NM, NM_PATH, NM, 'ActivateConnection', 'ooo', args);
      await new Promise<void>((resolve, reject) => {
        changed = () => {
          const state = states.get(String(active));
          if (state === ACTIVATED) resolve();
          if (state === DEACTIVATED) reject(new Error(`NetworkManager gave up on ${link}`));
        };
        changed();
      });
      return profiles;
    },
    async remove(profiles) {
      for (const path of [...profiles].reverse()) await call(NM, path, `${NM}.Settings.Connection`, 'Delete');
      states.clear();
    },
    device: (link) =>
      call(NM, NM_PATH, NM, 'GetDeviceByIpIface', 's', [link]).then(
        ([path]) => String(path),
        () => undefined,
      ),
  };
}
