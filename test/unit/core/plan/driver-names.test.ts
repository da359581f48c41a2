// Whose a row of OVSDB is, by what its driver leaves on it.

import { expect, it } from 'vitest';
import { DRIVER_NAMES, driverOfRow, driverTraits } from '../../../../src/core/plan/driver-names.ts';

it('is NetworkManager’s with its key, whatever else is there, and OVSDB’s own without', () => {
  expect(driverOfRow({ 'NM.connection.uuid': '', other: 'x' })).toBe('networkmanager');
  expect(driverOfRow({ other: 'x' })).toBe('ovsdb');
  expect(driverOfRow({})).toBe('ovsdb');
});

it('is known of each driver whether a program of its own keeps its rows', () => {
  expect(DRIVER_NAMES.map((name) => [name, driverTraits(name).keepsRows])).toEqual([
    ['networkmanager', true],
    ['ovsdb', false],
  ]);
});
