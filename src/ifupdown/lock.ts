// Proxmox's lock on its network configuration.

import { open } from 'node:fs/promises';
import { AgentError, isAgentError } from '../core/lib/errors.ts';
import type { Exec } from '../core/lib/exec.ts';

/** As long as Proxmox itself waits (PVE::API2::Network). */
const WAIT_S = 10;
/** What we tell flock(1) to end with when the lock was not to be had; none of its own codes. */
const CONFLICT = 75;

/**
 * Runs `work` while we hold the lock that Proxmox takes for every change of its network configuration: flock(2),
 * exclusive, on a file that is opened for appending and never removed (PVE::Tools::lock_file). Node cannot do flock(2),
 * so flock(1) locks a file that is open here, its standard input: the lock belongs to the open file, not to the process that asked for it,
 * and goes with the file, also when we are killed. Throws `interfaces-busy` after 10 s, `interfaces-not-editable`.
 */
export async function withInterfacesLock<T>(
  path: string,
  exec: Exec,
  work: () => Promise<T>,
  waitS = WAIT_S,
): Promise<T> {
  const file = await open(path, 'a', 0o644).catch((cause: unknown) => {
    throw new AgentError('interfaces-not-editable', `The lock ${path} cannot be opened`, { cause });
  });
  try {
    const args = ['--exclusive', '--timeout', String(waitS), '--conflict-exit-code', String(CONFLICT), '0'];
    await exec('flock', args, { input: file.fd, deadlineMs: (waitS + 5) * 1000 }).catch((error: unknown) => {
      if (!isAgentError(error) || (error.cause as { exitCode?: number })?.exitCode !== CONFLICT) throw error;
      throw new AgentError('interfaces-busy', `The lock ${path} was not free within ${waitS} s`);
    });
    return await work();
  } finally {
    await file.close();
  }
}
