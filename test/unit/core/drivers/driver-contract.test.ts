// Executors hand each step to the driver that the step or the row names, and write down who acted.

import { expect, it } from 'vitest';
import type { Config } from '../../../../src/core/config/config.ts';
import type { SwitchDriver, SwitchDrivers } from '../../../../src/core/drivers/driver.ts';
import type { Veths } from '../../../../src/core/kernel/veth.ts';
import type { DesiredPort } from '../../../../src/core/plan/desired.ts';
import { DRIVER_NAMES, driverOfRow, NM_UUID_KEY } from '../../../../src/core/plan/driver-names.ts';
import type { DriverName, ObservedPort } from '../../../../src/core/plan/observed.ts';
import type { SecuredPorts } from '../../../../src/netmaker/port-security/secured-ports.ts';
import { executors } from '../../../../src/reconcile/run-step.ts';

const desired: DesiredPort = {
  port: 'vi101',
  interface: 'tap101i0',
  bridge: 'vmbr0',
  guest: { runtime: 'manual', vmid: 101, name: '101' },
  nic: 0,
};
const row = (driver: DriverName) => ({ port: 'vi101', row: 'vi101', driver }) as ObservedPort;

function table() {
  const asked: string[] = [];
  const recorder = (name: DriverName, gives?: 'taken') =>
    new Proxy({} as SwitchDriver, {
      get: (_, method) => async () => {
        asked.push(`${name}.${String(method)}`);
        return gives ?? { driver: name, ofport: 7, attempts: 1 };
      },
    });
  const run = (gives?: 'taken') => {
    const drivers = Object.fromEntries(DRIVER_NAMES.map((name) => [name, recorder(name, gives)]));
    return executors({
      config: {} as Config,
      drivers: drivers as unknown as SwitchDrivers,
      veths: {} as Veths,
      securedPorts: {} as SecuredPorts,
    });
  };
  return { asked, run };
}

it.each(DRIVER_NAMES)('a step for %s reaches no other driver', async (driver) => {
  const { asked, run } = table();
  const steps = run();
  const port = row(driver);
  const outcome = { driver, ofport: 7, attempts: 1 };
  expect(await steps.attach_port({ kind: 'attach_port', desired, driver })).toEqual(outcome);
  expect(await steps.adopt_port({ kind: 'adopt_port', desired, from: port, driver })).toEqual(outcome);
  expect(await steps.hand_back_port({ kind: 'hand_back_port', desired, from: port })).toEqual(outcome);
  expect(await steps.mark_port({ kind: 'mark_port', desired, row: port })).toEqual({ driver });
  expect(await steps.release_port({ kind: 'release_port', port, reason: '' })).toEqual({ driver });
  expect(await steps.detach_port({ kind: 'detach_port', port, reason: '' })).toEqual({ driver });
  const drop = {
    kind: 'drop_profiles',
    driver,
    port: 'vi101',
    bridge: 'vmbr0',
    uuids: ['u'],
    reason: '',
  } as const;
  expect(await steps.drop_profiles(drop)).toEqual({ driver });
  const methods = ['attach', 'adopt', 'restoreName', 'mark', 'release', 'detach', 'dropProfiles'];
  expect(asked).toEqual(methods.map((method) => `${driver}.${method}`));
});

it('says of a card that was taken meanwhile that it was', async () => {
  const steps = table().run('taken');
  const taken = await steps.hand_back_port({ kind: 'hand_back_port', desired, from: row('ovsdb') });
  expect(taken).toEqual({ driver: 'ovsdb', taken: true });
});

it('a row shows who made it', () => {
  expect(driverOfRow({ [NM_UUID_KEY]: 'u' })).toBe('networkmanager');
  expect(driverOfRow({ 'ovs-port-agent.vmid': '101' })).toBe('ovsdb');
});
