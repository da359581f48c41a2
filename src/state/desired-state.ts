// What the guests that run now ask for: the agent's memory, mirrored as one JSON file a port in /run.
//
// The files survive a restart of the agent, not a reboot, just like the guests themselves. A file is there from the
// moment the port is asked for: LXC has no daemon that could tell a restarted agent what still has to be done.
// `by-vmid/<VMID>` leads to it.

import { linkIndex } from '../core/kernel/links.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import {
  type Binding,
  type BindingFile,
  bindingFile,
  desiredOf,
  guestOf,
  isBinding,
} from './binding-format.ts';
import type { DesiredGuest } from './claim.ts';
import { type ClaimFiles, openClaimFiles } from './claim-files.ts';
import { type Holders, openHolders } from './claim-holders.ts';

export { type Binding, bindingSchema } from './binding-format.ts';
export type { DesiredGuest } from './claim.ts';

export interface DesiredState {
  get(key: string): DesiredGuest | undefined;
  all(): DesiredGuest[];
  /** Replaces what a guest asks for; no ports takes the guest out. A port that is bound keeps its file until `unbind`. */
  set(desiredGuest: DesiredGuest): Promise<void>;
  /** The guest a port belongs to: the one that has it, else the first that asks for it. */
  ofPort(port: string): DesiredGuest | undefined;
  /** The guest a device belongs to, likewise: one device, one guest. */
  ofDevice(link: string): DesiredGuest | undefined;
  /** Devices that were ever noted for the port, in this run and by files of an earlier one. */
  noted(port: string): ReadonlySet<string>;
  /** Notes that a port is usable, or no longer. */
  bind(desired: DesiredPort, key: string, driver: string, now: Date): Promise<Binding>;
  unbind(port: string): Promise<void>;
  /** Whether the port was asked for when the very device that has the name now was there. */
  isForThisLink(desired: DesiredPort): Promise<boolean>;
  binding(port: string): Binding | undefined;
  bindings(): Binding[];
  /** Files of an earlier run that are not understood, and lie there still. */
  damaged(): string[];
}

/**
 * Reads the files of an earlier run in `directory`; one that is damaged is told of and left out, and its port is found again
 * where the guest's runtime can be asked.
 */
export async function loadDesiredState(
  directory: string,
  onProblem: (problem: string) => void = () => undefined,
): Promise<DesiredState> {
  const files = await openClaimFiles(directory, onProblem);
  const desiredGuests = new Map<string, DesiredGuest>();
  const bindings = new Map<string, Binding>();
  for (const kept of files.kept) {
    if (isBinding(kept)) bindings.set(kept.port, kept);
    const former = desiredGuests.get(kept.key)?.ports ?? [];
    desiredGuests.set(kept.key, { key: kept.key, guest: guestOf(kept), ports: [...former, desiredOf(kept)] });
  }
  return openClaims({ files, desiredGuests, bindings, holders: openHolders(desiredGuests, bindings) });
}

interface Store {
  files: ClaimFiles;
  desiredGuests: Map<string, DesiredGuest>;
  bindings: Map<string, Binding>;
  holders: Holders;
}

function openClaims(store: Store): DesiredState {
  const { files, desiredGuests, bindings, holders } = store;
  return {
    get: (key) => desiredGuests.get(key),
    all: () => [...desiredGuests.values()],
    async set(desiredGuest) {
      const former = desiredGuests.get(desiredGuest.key)?.ports ?? [];
      if (desiredGuest.ports.length === 0) desiredGuests.delete(desiredGuest.key);
      else desiredGuests.set(desiredGuest.key, desiredGuest);
      holders.note(desiredGuest);
      for (const desired of desiredGuest.ports) {
        if (holders.ofPort(desired.port)?.key === desiredGuest.key)
          await ask(store, desired, desiredGuest.key);
      }
      for (const { port } of former) {
        if (!bindings.has(port) && !desiredGuest.ports.some((desired) => desired.port === port))
          await files.remove(port);
      }
    },
    ofPort: holders.ofPort,
    ofDevice: holders.ofDevice,
    noted: files.noted,
    async bind(desired, key, driver, now) {
      const ifindex = await linkIndex(desired.interface);
      const former = bindingOf(store, desired);
      // Another device of the same name: the guest has been started anew meanwhile.
      const since = former?.ifindex === ifindex && former ? former.since : now.toISOString();
      const binding: Binding = { ...bindingFile(desired, key), since, driver, ifindex };
      bindings.set(desired.port, binding);
      files.write(binding);
      return binding;
    },
    async unbind(port) {
      bindings.delete(port);
      const desiredGuest = holders.ofPort(port);
      const desired = desiredGuest?.ports.find((desiredPort) => desiredPort.port === port);
      if (desiredGuest === undefined || desired === undefined) return files.remove(port);
      // Still asked for: a restarted agent must know.
      files.write({ ...bindingFile(desired, desiredGuest.key), ifindex: await linkIndex(desired.interface) });
    },
    async isForThisLink({ port, interface: link }) {
      const asked = files.device(port);
      if (asked?.ifindex === undefined || asked.interface !== link) return false;
      return asked.ifindex === (await linkIndex(link));
    },
    binding: (port) => bindings.get(port),
    bindings: () => [...bindings.values()],
    damaged: files.damaged,
  };
}

/** Has the port's file say that the guest asks for it, and that it is usable where it still is. */
async function ask(store: Store, desired: DesiredPort, key: string): Promise<void> {
  const { bindings, files } = store;
  const ifindex = await linkIndex(desired.interface);
  const known = bindingOf(store, desired);
  // Another device of the same name: the guest was started anew while nobody looked.
  const bound = known?.ifindex === ifindex ? known : undefined;
  if (known && !bound) bindings.delete(desired.port);
  const file: BindingFile = { ...bindingFile(desired, key), ifindex };
  if (bound === undefined) return files.write(file);
  const binding: Binding = { ...file, since: bound.since, driver: bound.driver };
  bindings.set(desired.port, binding);
  files.write(binding);
}

/** The binding of the port, if it is still the one that is desired. */
function bindingOf({ bindings }: Store, desired: DesiredPort): Binding | undefined {
  const binding = bindings.get(desired.port);
  const same = binding?.interface === desired.interface && binding.bridge === desired.bridge;
  return same ? binding : undefined;
}
