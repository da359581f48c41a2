// Makes a container's veth pair, with its inner end in the container or parked out of its reach.

import type { Exec } from '../lib/exec.ts';
import type { GivenRecords } from './given.ts';
import { GuestNamespace, refuseHostNamespace } from './guest-namespace.ts';
import { orTaken, takenError } from './inner-end.ts';
import { type Family, familiesOf, type GuestNetwork } from './namespace-network.ts';
import { withoutIpv6 } from './own-interface.ts';
import type { Parking } from './parking.ts';
import type { VethRequest } from './veth-request.ts';

export interface WaitingEnd {
  /** The process in whose namespace it is. */
  place: number;
  /** Whether its offload could be turned off; a device keeps that when it moves. */
  isOffloadOff: Promise<boolean>;
  /** How the container's namespace was meanwhile; what has changed since makes a line fail, and then it is looked at again. */
  networks?: Promise<Map<Family, GuestNetwork> | undefined>;
}

export interface VethParts {
  exec: Exec;
  parking: Pick<Parking, 'pid'>;
  given: GivenRecords;
  /** By outer end: the inner ends that wait, under the outer end's name. */
  waiting: Map<string, WaitingEnd>;
}

/** As `Veths.create`. */
export async function createVeth(
  parts: VethParts,
  outer: string,
  request: VethRequest,
  parked: { withoutOffload: boolean } | undefined,
  mtu: number | undefined,
): Promise<void> {
  const { exec, parking, given, waiting } = parts;
  const { guestInterface: name, pid } = request;
  await refuseHostNamespace(pid);
  given.forget(outer);
  const guest = new GuestNamespace(exec, pid);
  if (parked && (await guest.hasLink(name))) throw takenError(name);
  const place = parked ? new GuestNamespace(exec, await parking.pid()) : guest;
  // Before it is there: whatever becomes of the command, a pair that it leaves is known.
  if (parked) waiting.set(outer, { place: place.pid, isOffloadOff: Promise.resolve(false) });
  await orTaken(guest, name, async () => {
    try {
      await exec('ip', addition(outer, request, { name: parked ? outer : name, place: place.pid, mtu }));
    } catch (error) {
      // The name may be somebody else's.
      if (parked && !(await isAt(place, outer))) waiting.delete(outer);
      throw error;
    }
  });
  withoutIpv6(outer);
  if (!parked) return;
  // Here it is still down: no packet leaves it without a checksum. And the port gets its rules meanwhile.
  const isOffloadOff = parked.withoutOffload ? isDone(place.turnOffloadOff(outer)) : Promise.resolve(false);
  waiting.set(outer, { place: place.pid, isOffloadOff, networks: networksOf(guest, request) });
}

function addition(
  outer: string,
  { mac }: VethRequest,
  inner: { name: string; place: number; mtu: number | undefined },
): string[] {
  const size = inner.mtu === undefined ? [] : ['mtu', String(inner.mtu)];
  const peer = [...size, 'name', inner.name, 'netns', String(inner.place), 'address', mac];
  return ['link', 'add', 'name', outer, ...size, 'up', 'type', 'veth', 'peer', ...peer];
}

const isDone = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

const isAt = (place: GuestNamespace, link: string) =>
  isDone(place.run(['ip', '-json', 'link', 'show', 'dev', link]));

/** Undefined where they cannot be read now: then they are looked at when they are needed. */
async function networksOf(
  guest: GuestNamespace,
  { addresses }: VethRequest,
): Promise<Map<Family, GuestNetwork> | undefined> {
  const found = familiesOf(addresses).map(async (family) => [family, await guest.network(family)] as const);
  return Promise.all(found).then(
    (all) => new Map(all),
    () => undefined,
  );
}
