// Steps aside for Proxmox's changes of running containers: their NICs get Proxmox's names while their lock is open.

import { existsSync } from 'node:fs';
import { observePorts } from '../../core/drivers/ovsdb/observe.ts';
import { parseGuestInterface } from '../../core/guest/interface-name.ts';
import { linkNamesNow } from '../../core/kernel/links.ts';
import type { Follow } from '../../core/lib/exec.ts';
import type { OvsdbClient } from '../../core/ovsdb/client.ts';
import { configWrittenAt } from './config/tree.ts';
import type { ProxmoxSection } from './config-section.ts';
import { heldLocks, type LockWatch, watchLocks } from './lock-watch.ts';
import { openSteppingAside } from './stepping-aside.ts';

/** PVE::LXC::Config, `$lockdir`. */
const LOCK_DIRECTORY = '/run/lock/lxc';
const PROGRAM = '/usr/lib/ovs-port-agent/open-watch.pl';
/** How often an open lock is looked at, in case its end was missed. */
const CHECK_MS = 10_000;
const LOCKED = 'Proxmox has locked its configuration';

export interface ProxmoxLocksParts {
  config: { proxmox: ProxmoxSection };
  follow: Follow;
  ovsdb: OvsdbClient;
  /** Gives a guest's NICs Proxmox's names; true when there were any. Throws what OVSDB said. */
  restoreNames: (vmid: number, reason: string) => Promise<boolean>;
  resync: (vmid: number, reason: string) => Promise<unknown>;
  /** Whether locks can be watched has changed: names of ports hang on it. */
  onChange: (reason: string) => void;
  now: () => number;
  onError: (error: unknown) => void;
}

export interface ProxmoxLocks {
  /** Begins where there is a Proxmox; resolves when it is known whether locks can be watched. */
  ensure(): Promise<void>;
  /** Why Proxmox's changes of running containers are not seen in time; undefined when they are, or there is no Proxmox. */
  problem(): string | undefined;
  /** Whether they are not seen in time. */
  isBlind(): boolean;
  /** Milliseconds for which a container's NICs are to have Proxmox's names, `Infinity` while its lock is open. */
  asideFor(vmid: number): number;
  /** A container is about to start. */
  starts(vmid: number): void;
  close(): void;
}

/** Without Proxmox, or where ports keep its names anyway, there is nothing to watch. */
export function openProxmoxLocks(parts: ProxmoxLocksParts): ProxmoxLocks {
  const { config, ovsdb, now, onError } = parts;
  if (config.proxmox.enabled === false || config.proxmox.port === 'keep') return IDLE;
  let problem: string | undefined;
  let closed = false;

  /** A timer can be early by the clock that tells what remains. */
  const resyncIn = (vmid: number, ms: number) => {
    setTimeout(() => {
      const remaining = aside.remaining(vmid);
      if (closed || remaining === Number.POSITIVE_INFINITY) return;
      if (remaining > 0) resyncIn(vmid, remaining);
      else void parts.resync(vmid, 'Proxmox has let go of its configuration').catch(onError);
    }, ms).unref();
  };
  const aside = openSteppingAside({
    hasNics: (vmid) =>
      observePorts(ovsdb.replica).some((port) => parseGuestInterface(port.interface)?.vmid === vmid),
    runs: (vmid) => linkNamesNow().some((link) => parseGuestInterface(link)?.vmid === vmid),
    onAside(vmid) {
      parts
        .restoreNames(vmid, LOCKED)
        .then((any) => any && parts.resync(vmid, LOCKED))
        .catch(onError);
    },
    onOver: resyncIn,
    async isWrittenSince(vmid, since) {
      const at = await configWrittenAt(vmid, config.proxmox.root);
      // pmxcfs keeps whole seconds.
      return at !== undefined && at >= Math.floor(since / 1000) * 1000;
    },
    now,
  });
  const resync = async () => {
    const held = await heldLocks(LOCK_DIRECTORY);
    if (held !== undefined && !closed) aside.resync(held);
  };
  const begin = (): LockWatch =>
    watchLocks({
      directory: LOCK_DIRECTORY,
      program: PROGRAM,
      follow: parts.follow,
      onOpen: (vmid) => aside.opened(vmid),
      onClose: (vmid) => void aside.closed(vmid).catch(onError),
      onAnew: () => void resync().catch(onError),
      onProblem(found) {
        problem = found;
        const how = found === undefined ? 'are' : 'cannot be';
        parts.onChange(`locks of Proxmox's containers ${how} watched`);
      },
    });
  let watch: LockWatch | undefined;
  const check = setInterval(() => {
    if (aside.isAnyOpen()) void resync().catch(onError);
  }, CHECK_MS).unref();
  return {
    async ensure() {
      if (!closed && existsSync(config.proxmox.root)) watch ??= begin();
      await watch?.ready;
    },
    problem: () => problem,
    // Where there was no Proxmox at the start, one may have come since.
    isBlind: () => watch === undefined || problem !== undefined,
    asideFor: (vmid) => aside.remaining(vmid),
    starts: (vmid) => aside.starts(vmid),
    close() {
      closed = true;
      clearInterval(check);
      watch?.close();
    },
  };
}

const IDLE: ProxmoxLocks = {
  ensure: () => Promise.resolve(),
  problem: () => undefined,
  isBlind: () => false,
  asideFor: () => 0,
  starts: () => undefined,
  close: () => undefined,
};
