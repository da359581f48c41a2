// What the guests that run now ask for: the agent's memory, mirrored as one JSON file a port in /run.
//
// The files survive a restart of the agent, not a reboot, just like the guests themselves. A file is there from the
// moment the port is asked for: LXC has no daemon that could tell a restarted agent what still has to be done.
// `by-vmid/<VMID>` leads to it.

import { linkIndex } from '../core/kernel/links.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import { type Binding, type ClaimFile, claimFile, desiredOf, guestOf, isBinding } from './binding-format.ts';
import type { Claim } from './claim.ts';
import { type ClaimFiles, openClaimFiles } from './claim-files.ts';
import { type Holders, openHolders } from './claim-holders.ts';

export { type Binding, bindingSchema } from './binding-format.ts';
export type { Claim } from './claim.ts';

export interface Claims {
  get(key: string): Claim | undefined;
  all(): Claim[];
  /** Replaces what a guest asks for; no ports takes the guest out. A port that is bound keeps its file until `unbind`. */
  set(claim: Claim): Promise<void>;
  /** The guest a port belongs to: the one that has it, else the first that asks for it. */
  ofPort(port: string): Claim | undefined;
  /** The guest a device belongs to, likewise: one device, one guest. */
  ofDevice(link: string): Claim | undefined;
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
export async function loadClaims(
  directory: string,
  onProblem: (problem: string) => void = () => undefined,
): Promise<Claims> {
  const files = await openClaimFiles(directory, onProblem);
  const claims = new Map<string, Claim>();
  const bindings = new Map<string, Binding>();
  for (const kept of files.kept) {
    if (isBinding(kept)) bindings.set(kept.port, kept);
    const former = claims.get(kept.key)?.ports ?? [];
    claims.set(kept.key, { key: kept.key, guest: guestOf(kept), ports: [...former, desiredOf(kept)] });
  }
  return openClaims({ files, claims, bindings, holders: openHolders(claims, bindings) });
}

interface Store {
  files: ClaimFiles;
  claims: Map<string, Claim>;
  bindings: Map<string, Binding>;
  holders: Holders;
}

function openClaims(store: Store): Claims {
  const { files, claims, bindings, holders } = store;
  return {
    get: (key) => claims.get(key),
    all: () => [...claims.values()],
    async set(claim) {
      const former = claims.get(claim.key)?.ports ?? [];
      if (claim.ports.length === 0) claims.delete(claim.key);
      else claims.set(claim.key, claim);
      holders.note(claim);
      for (const desired of claim.ports) {
        if (holders.ofPort(desired.port)?.key === claim.key) await ask(store, desired, claim.key);
      }
      for (const { port } of former) {
        if (!bindings.has(port) && !claim.ports.some((desired) => desired.port === port))
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
      const binding: Binding = { ...claimFile(desired, key), since, driver, ifindex };
      bindings.set(desired.port, binding);
      files.write(binding);
      return binding;
    },
    async unbind(port) {
      bindings.delete(port);
      const claim = holders.ofPort(port);
      const desired = claim?.ports.find((wish) => wish.port === port);
      if (claim === undefined || desired === undefined) return files.remove(port);
      // Still asked for: a restarted agent must know.
      files.write({ ...claimFile(desired, claim.key), ifindex: await linkIndex(desired.interface) });
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
  const file: ClaimFile = { ...claimFile(desired, key), ifindex };
  if (bound === undefined) return files.write(file);
  const binding: Binding = { ...file, since: bound.since, driver: bound.driver };
  bindings.set(desired.port, binding);
  files.write(binding);
}

/** The binding of the port, if it is still the one that is wished for. */
function bindingOf({ bindings }: Store, desired: DesiredPort): Binding | undefined {
  const binding = bindings.get(desired.port);
  const same = binding?.interface === desired.interface && binding.bridge === desired.bridge;
  return same ? binding : undefined;
}
