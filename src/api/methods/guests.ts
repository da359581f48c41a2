// The D-Bus method that tells of every guest; what it needs of the switch is asked at that moment.

import { z } from 'zod';
import { observePorts } from '../../core/drivers/ovsdb/observe.ts';
import type { OvsdbClient } from '../../core/ovsdb/client.ts';
import { mapNumbers, optionalNumber, optionalString } from '../../core/ovsdb/values.ts';
import type { OverlookedGuests } from '../../reconcile/overlooked.ts';
import type { DesiredState } from '../../state/desired-state.ts';
import type { PendingRetries } from '../../state/pending-retries.ts';
import { none } from '../arguments.ts';
import { describeGuests, type NicNumbers } from '../guests/describe.ts';
import { jsonMethod, type Method } from '../method.ts';

export interface GuestMethodParts {
  ovsdb: OvsdbClient;
  desiredState: Pick<DesiredState, 'all' | 'bindings'>;
  /** `ok`, or what is wrong first, for each port that guests have: the one judgement of health. */
  healthOfPorts: () => Promise<ReadonlyMap<string, string>>;
  pendingRetries: PendingRetries;
  overlooked: OverlookedGuests;
  /** What a Docker container is called; undefined when it is not there. */
  containerName: (id: string) => Promise<string | undefined>;
}

const numbersSchema = z.tuple([
  z.object({
    rows: z.array(
      z.object({
        name: z.string(),
        mac_in_use: optionalString,
        mtu: optionalNumber,
        statistics: mapNumbers,
      }),
    ),
  }),
]);

export function guestMethods(parts: GuestMethodParts): Method[] {
  return [
    jsonMethod({
      name: 'describe_guests',
      in: [],
      schema: none,
      answer: async () => (await import('../answers/guests.ts')).guestsSchema,
      run: () => guests(parts),
    }),
  ];
}

async function guests(parts: GuestMethodParts) {
  const { desiredState, ovsdb, pendingRetries } = parts;
  const health = await parts.healthOfPorts();
  const overlooked = await Promise.all(
    parts.overlooked.all().map(async (guest) => {
      const id = /^docker:([0-9a-f]{64})$/.exec(guest.key)?.[1];
      if (guest.name !== undefined || id === undefined) return guest;
      return { ...guest, name: await parts.containerName(id).catch(() => undefined) };
    }),
  );
  return describeGuests({
    desiredGuests: desiredState.all(),
    bindings: desiredState.bindings(),
    pendingRetries: pendingRetries.all(),
    overlooked,
    rows: new Map(observePorts(ovsdb.replica).map((port) => [port.port, port])),
    numbers: await nicNumbers(ovsdb).catch(() => new Map()),
    healthOf: (port) => faulty(health.get(port)),
  });
}

async function nicNumbers(ovsdb: OvsdbClient): Promise<Map<string, NicNumbers>> {
  const columns = ['name', 'mac_in_use', 'mtu', 'statistics'];
  const select = { op: 'select', table: 'Interface', where: [], columns };
  const [{ rows }] = numbersSchema.parse(await ovsdb.transact([select]));
  return new Map(
    rows.map(({ name, mac_in_use: mac, mtu, statistics: { rx_bytes: rx, tx_bytes: tx } }) => [
      name,
      {
        ...(mac !== undefined && { mac }),
        ...(mtu !== undefined && { mtu }),
        ...(rx !== undefined && { rx }),
        ...(tx !== undefined && { tx }),
      },
    ]),
  );
}

const faulty = (word: string | undefined) => (word === 'ok' ? undefined : word);
