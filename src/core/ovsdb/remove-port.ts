// The transaction that takes a port of ours out of its bridge; rows nobody refers to are collected.

import type { ObservedPort } from '../plan/observed.ts';
import type { Operation } from './client.ts';
import type { Replica } from './replica.ts';
import type { Row } from './rows.ts';
import { uuidRef } from './values.ts';

/** Operations for `transact`; nothing happens when the port is gone already. */
export function removePort(port: ObservedPort): Operation[] {
  return [
    {
      op: 'mutate',
      table: 'Bridge',
      where: [['_uuid', '==', uuidRef(port.bridgeRowUuid)]],
      mutations: [['ports', 'delete', uuidRef(port.portUuid)]],
    },
  ];
}

/** The row of that name, or undefined; Bridge, Port and Interface names are unique (vswitch.ovsschema). */
export function namedRow<T extends 'Bridge' | 'Port' | 'Interface'>(
  replica: Replica,
  table: T,
  name: string,
): Row<T> | undefined {
  for (const row of replica.rows(table).values()) {
    if (row.name === name) return row;
  }
  return undefined;
}
