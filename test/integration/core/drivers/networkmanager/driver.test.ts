// The NetworkManager driver against a service on a real bus: what it leaves there, and how long it waits.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bus } from '../../../../../src/core/bus/bus.ts';
import { connectSystemBus } from '../../../../../src/core/bus/system-bus.ts';
import type { SwitchDriver } from '../../../../../src/core/drivers/driver.ts';
import { networkManagerDriver } from '../../../../../src/core/drivers/networkmanager/driver.ts';
import { observePorts } from '../../../../../src/core/drivers/ovsdb/observe.ts';
import { BLOCK_AUTOCONNECT, IN_MEMORY } from '../../../../../src/core/networkmanager/names.ts';
import {
  type NetworkManager,
  openNetworkManager,
} from '../../../../../src/core/networkmanager/networkmanager.ts';
import type { DesiredPort } from '../../../../../src/core/plan/desired.ts';
import { type PrivateBus, startBus } from '../../bus/private-bus.ts';
import { type NetworkManagerService, startNetworkManager } from './service.ts';
import { type TestSwitch, testSwitch } from './switch.ts';

/** A link that every machine has; nothing is done to it but over the bus. */
const LINK = 'lo';
const desired: DesiredPort = {
  port: 'vi101',
  interface: LINK,
  bridge: 'ovsbr0',
  guest: { runtime: 'docker', vmid: 101, name: 'web' },
  nic: 0,
};

let own: PrivateBus;
let bus: Bus;
let service: NetworkManagerService;
let networkManager: NetworkManager;
let lan: TestSwitch;
let driver: SwitchDriver;
let handed: DesiredPort[];
let odd: string[];

beforeEach(async () => {
  own = await startBus();
  service = await startNetworkManager(own.address);
  bus = await connectSystemBus();
  odd = [];
  networkManager = await openNetworkManager(bus, (problem) => odd.push(problem));
  lan = testSwitch('ovsbr0', 'B');
  handed = [];
  service.onActivate = (profile) => {
    lan.plug(service, profile);
    return 'activated';
  };
  service.onDelete = lan.unplug;
  driver = networkManagerDriver({
    networkManager,
    ovsdb: lan.ovsdb,
    bootId: 'boot',
    makeDeaf: async () => undefined,
    rows: {
      attach: async (port) => {
        handed.push(port);
        return { driver: 'ovsdb', ofport: 9, attempts: 1 };
      },
      mark: async () => undefined,
      release: async () => ({ driver: 'ovsdb' }),
    },
  });
});

afterEach(async () => {
  bus?.close();
  await service?.leave();
  await own?.end();
});

const rows = () => observePorts(lan.ovsdb.replica);

describe('a guest that starts', () => {
  it('gets a port that two profiles in memory hold', async () => {
    service.addDevice(LINK);
    expect(await driver.attach(desired)).toEqual({ driver: 'networkmanager', ofport: 7, attempts: 1 });
    expect(service.flags).toEqual([IN_MEMORY | BLOCK_AUTOCONNECT, IN_MEMORY | BLOCK_AUTOCONNECT]);
    const [row] = rows();
    expect(row).toMatchObject({ row: 'vi101', interface: LINK, driver: 'networkmanager' });
    expect(row && driver.isHeld(desired, row)).toBe(true);
    const held = { driver: 'networkmanager', port: 'vi101', bridge: 'ovsbr0' };
    expect(await driver.profiles()).toMatchObject([held, held]);
  });

  it('waits for NetworkManager to see its link', async () => {
    const attached = driver.attach(desired);
    await expect.poll(() => service.calls, { timeout: 10_000 }).toContain('GetDeviceByIpIface');
    expect(service.calls).not.toContain('ActivateConnection');
    service.addDevice(LINK);
    expect(await attached).toMatchObject({ ofport: 7 });
  });

  it('is attached although the signal comes before the reply that it belongs to', async () => {
    service.addDevice(LINK);
    service.signalsFirst = true;
    expect(await driver.attach(desired)).toMatchObject({ attempts: 1 });
  });

  it('is tried again after a lost race, with fresh profiles of the same UUIDs', async () => {
    service.addDevice(LINK);
    const plugged = service.onActivate;
    let tries = 0;
    service.onActivate = (profile, device) => (++tries === 1 ? { reason: 63 } : plugged(profile, device));
    expect(await driver.attach(desired)).toMatchObject({ attempts: 2 });
    expect(service.profiles.size).toBe(2);
  });

  it('leaves no profile behind when it cannot be helped', async () => {
    service.addDevice(LINK);
    service.onActivate = () => ({ reason: 63 });
    await expect(driver.attach(desired)).rejects.toMatchObject({ code: 'activation-failed' });
    expect(service.calls.filter((name) => name === 'ActivateConnection')).toHaveLength(4);
    expect(service.profiles.size).toBe(0);
  });

  it('does not wait for a NetworkManager that goes meanwhile', async () => {
    service.addDevice(LINK);
    service.onActivate = () => undefined;
    const attached = driver.attach(desired).catch((error: unknown) => error);
    await expect.poll(() => service.calls, { timeout: 10_000 }).toContain('ActivateConnection');
    const began = performance.now();
    await service.leave();
    expect(await attached).toMatchObject({ code: 'networkmanager-unavailable' });
    // The deadline of an activation is 15 s.
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

describe('a guest that stops', () => {
  it('leaves no profile and no row, and its link alone', async () => {
    service.addDevice(LINK);
    await driver.attach(desired);
    const [row] = rows();
    if (row === undefined) throw new Error('there is no row');
    await driver.detach(row);
    expect(service.profiles.size).toBe(0);
    expect(rows()).toEqual([]);
    expect(service.unmanaged).toEqual([LINK]);
    expect(lan.transactions).toEqual([]);
  });

  it('may have been cleared away by somebody else', async () => {
    service.addDevice(LINK);
    await driver.attach(desired);
    const [row] = rows();
    if (row === undefined) throw new Error('there is no row');
    await driver.detach(row);
    await driver.detach(row);
    expect(service.profiles.size).toBe(0);
  });
});

it('a card that goes back to Proxmox is let go first, and then plugged under its name', async () => {
  service.addDevice(LINK);
  await driver.attach(desired);
  const [row] = rows();
  if (row === undefined) throw new Error('there is no row');
  const kept = { ...desired, row: LINK };
  expect(await driver.restoreName(kept, row)).toEqual({ driver: 'ovsdb', ofport: 9, attempts: 1 });
  expect(handed).toEqual([kept]);
  expect(service.profiles.size).toBe(0);
});

describe('profiles', () => {
  const others = {
    connection: { id: 'home', uuid: 'u-1', type: '802-3-ethernet' },
    user: { data: { 'some.key': 'x' } },
  };

  it('of others and of bridges are not ours to clear away', async () => {
    service.profiles.set('/org/freedesktop/NetworkManager/Settings/90', others);
    const bridges = { 'ovs-port-agent.bridge': 'ovsbr0', 'ovs-port-agent.port': 'ovsbr0' };
    service.profiles.set('/org/freedesktop/NetworkManager/Settings/91', {
      connection: { id: 'bridge', uuid: 'u-2', type: 'ovs-bridge' },
      user: { data: bridges },
    });
    expect(await networkManager.profiles()).toHaveLength(2);
    expect(await driver.profiles()).toEqual([]);
  });

  it('that cannot be made out are told once, and the others are read', async () => {
    service.profiles.set('/org/freedesktop/NetworkManager/Settings/90', others);
    service.profiles.set('/org/freedesktop/NetworkManager/Settings/91', { connection: { id: 'odd' } });
    expect(await networkManager.profiles()).toMatchObject([{ uuid: 'u-1' }]);
    expect(await networkManager.profiles()).toHaveLength(1);
    expect(odd).toHaveLength(1);
    expect(odd[0]).toContain('/Settings/91: connection.uuid');
  });

  it('are none while NetworkManager is away', async () => {
    await service.leave();
    await expect.poll(() => networkManager.state(), { timeout: 10_000 }).toMatchObject({ running: false });
    expect(await driver.profiles()).toEqual([]);
  });
});

it('the end of its start-up is waited for', async () => {
  service.startup = true;
  const settled = networkManager.settled(20_000).then(() => 'settled');
  await expect
    .poll(() => service.calls, { timeout: 10_000 })
    .toContain('org.freedesktop.DBus.Properties.GetAll');
  service.setStartup(false);
  expect(await settled).toBe('settled');
});
