// Whose a row of OVSDB is, by what its driver leaves on it.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  DRIVER_NAMES,
  driverOfRow,
  driverTraits,
  ROWS_DRIVER,
} from '../../../../src/core/plan/driver-names.ts';

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

it('is asked in an order whose last one takes what no other takes', () => {
  const last = driverTraits(DRIVER_NAMES.at(-1) ?? ROWS_DRIVER);
  expect(last.drives({})).toBe(true);
  for (const presence of ['ready', 'expected', 'silent', 'unable'] as const)
    for (const isDeclared of [true, false]) expect(last.makes({ isDeclared, presence })).toBe(true);
});

it('is nobody’s to know but the entries’: what plans, executes and answers names no driver', () => {
  const root = new URL('../../../../src/', import.meta.url).pathname;
  const names = new RegExp(`'(?:${DRIVER_NAMES.join('|')})'(?! \\|)`);
  const found = ['core/plan', 'reconcile', 'api', 'state'].flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) =>
        readFileSync(join(root, room, file), 'utf8')
          .split('\n')
          .filter((line) => names.test(line) && !line.includes('Pick<'))
          .map((line) => `${room}/${file}: ${line.trim()}`),
      ),
  );
  expect(found).toEqual([
    "core/plan/driver-names.ts: export const ROWS_DRIVER = 'ovsdb' satisfies DriverName;",
  ]);
});
