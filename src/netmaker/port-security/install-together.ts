// Rules of ports that wait for the same bridge go on it together: one program and one transaction for all of them.

import type { SecuredPort } from './port.ts';

export interface InstallTogetherParts {
  /** Runs what is to be done on a bridge after what was asked for before. */
  inTurn: <T>(bridge: string, work: () => Promise<T>) => Promise<T>;
  /** Of one bridge, each with a VMID and an OpenFlow number of its own; all or none. */
  installAll: (ports: readonly SecuredPort[]) => Promise<void>;
}

interface Batch {
  ports: SecuredPort[];
  /** What went wrong with which. */
  done: Promise<ReadonlyMap<SecuredPort, unknown>>;
}

export interface InstallTogether {
  install(port: SecuredPort): Promise<void>;
  /** Something else is to be done on the bridge: what is asked for from now on comes after it. */
  cut(bridge: string): void;
}

export function openInstallTogether({ inTurn, installAll }: InstallTogetherParts): InstallTogether {
  /** The last in each bridge's queue, while it has not begun. */
  const open = new Map<string, Batch>();

  const run = async (ports: readonly SecuredPort[]): Promise<ReadonlyMap<SecuredPort, unknown>> => {
    const failures = new Map<SecuredPort, unknown>();
    const install = (some: readonly SecuredPort[]) =>
      installAll(some).catch((error: unknown) => some.map((port) => failures.set(port, error)));
    await install(ports);
    if (failures.size === 0 || ports.length === 1) return failures;
    // What is wrong with one of them is no matter of the others.
    failures.clear();
    for (const port of ports) await install([port]);
    return failures;
  };

  const batchFor = (port: SecuredPort): Batch => {
    const { bridge, vmid, ofport } = port;
    const last = open.get(bridge);
    const isAlike = (other: SecuredPort) => other.vmid === vmid || other.ofport === ofport;
    if (last !== undefined && !last.ports.some(isAlike)) {
      last.ports.push(port);
      return last;
    }
    const ports = [port];
    const done = inTurn(bridge, () => {
      if (open.get(bridge)?.ports === ports) open.delete(bridge);
      return run(ports);
    });
    const batch = { ports, done };
    open.set(bridge, batch);
    return batch;
  };

  return {
    async install(port) {
      const failures = await batchFor(port).done;
      if (failures.has(port)) throw failures.get(port);
    },
    cut: (bridge) => void open.delete(bridge),
  };
}
