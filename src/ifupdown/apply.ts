// Changes Proxmox's interfaces files, or says what it would change; never runs ifreload.

import type { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError } from '../core/lib/errors.ts';
import type { Exec } from '../core/lib/exec.ts';
import type { Edited } from './edit.ts';
import { type InterfacesFile, readInterfaces, replaceInterfaces } from './file.ts';
import { withInterfacesLock } from './lock.ts';

export interface FileOutcome extends Edited {
  readonly path: string;
  /** Whether `apply` has written it, or would. */
  readonly changed: boolean;
}

export interface ApplyOptions {
  /** `/etc/network`. */
  readonly directory: string;
  readonly exec: Exec;
  readonly change: (text: string) => Edited | Promise<Edited>;
  /** Seconds to wait for Proxmox's lock; 10 by default. */
  readonly waitS?: number;
  /** For tests: what puts the new file in the old one's place. */
  readonly move?: typeof rename;
}

/**
 * Does `change` to `interfaces` and, while there is one, to `interfaces.new`: the file in which Proxmox's web interface
 * gathers what is not applied yet. In both, because "Apply" puts the second in the place of the first, and "Revert"
 * removes it: whichever comes, what is ours is there, and the web interface shows no difference that nobody made.
 * Writes only what differs. Throws `interfaces-busy`, `interfaces-not-editable`; the files are whole in any case.
 */
export async function applyInterfaces(options: ApplyOptions): Promise<FileOutcome[]> {
  const { directory, exec, waitS, move } = options;
  const lock = join(directory, '.pve-interfaces.lock');
  const work = async () => {
    const planned = await plan(options);
    for (const { file, outcome } of planned) {
      if (outcome.changed) await replaceInterfaces(file, outcome.text, move);
    }
    return planned.map(({ outcome }) => outcome);
  };
  return withInterfacesLock(lock, exec, work, waitS);
}

/** The same without writing, and without the lock: each file is replaced in one step, so what is read is whole. */
export async function previewInterfaces(options: Omit<ApplyOptions, 'exec'>): Promise<FileOutcome[]> {
  return (await plan(options)).map(({ outcome }) => outcome);
}

async function plan({ directory, change }: Omit<ApplyOptions, 'exec'>) {
  const planned: { file: InterfacesFile; outcome: FileOutcome }[] = [];
  for (const name of ['interfaces', 'interfaces.new']) {
    const path = join(directory, name);
    const file = await readInterfaces(path);
    if (file === undefined) {
      if (name === 'interfaces') throw new AgentError('interfaces-not-editable', `There is no ${path}`);
      continue;
    }
    const edited = await change(file.text);
    planned.push({ file, outcome: { ...edited, path, changed: edited.text !== file.text } });
  }
  return planned;
}
