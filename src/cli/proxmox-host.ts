// What the proxmox verbs need before they start: root, a Proxmox host, and nobody else at it.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../core/config/config.ts';
import { type Lock, takeLock } from '../core/ledger/lock.ts';
import { pause } from '../core/lib/deadline.ts';
import { AgentError, isAgentError } from '../core/lib/errors.ts';
import { type HookscriptHost, openHookscriptHost } from '../runtimes/proxmox/hookscript/host.ts';
import { CliError } from './failure.ts';
import type { Context } from './verb.ts';

/** How long to wait for another command, in milliseconds: that of the agent is mostly done by then. */
const BUSY_MS = 30_000;
const LOOK_EVERY_MS = 200;

/** Throws what a user without root, or without Proxmox, can do about it. */
export async function proxmoxHost(
  { isRoot, exec, localStorage }: Context,
  { proxmox }: Config,
): Promise<HookscriptHost> {
  demandRoot(isRoot);
  if (proxmox.enabled === false) {
    throw new AgentError('bad-config', 'Proxmox guests are switched off: enabled = false in [proxmox]');
  }
  return openHookscriptHost(proxmox.root, exec, localStorage);
}

/** Runs `work` while no other enroll or unenroll runs on this node. Throws `enrolment-busy`. */
export async function alone<T>({ isRoot, runtimeDir }: Context, work: () => Promise<T>): Promise<T> {
  demandRoot(isRoot);
  const directory = join(runtimeDir, 'enrolment');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const until = performance.now() + BUSY_MS;
  let lock: Lock | undefined;
  while (lock === undefined) {
    try {
      lock = await takeLock(directory);
    } catch (error) {
      if (!isAgentError(error, 'ledger-locked')) throw error;
      if (performance.now() > until) {
        throw new AgentError('enrolment-busy', 'Another enroll or unenroll runs on this node');
      }
      await pause(LOOK_EVERY_MS);
    }
  }
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

function demandRoot(isRoot: () => boolean): void {
  if (isRoot()) return;
  throw new CliError('Only root may read and change guests. Run this as root: sudo ovs-port-agent …', 3);
}
