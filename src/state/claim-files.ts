// The files of the ports that guests ask for, one each, and what is known of the devices that they name.

import { existsSync } from 'node:fs';
import { mkdir, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { writeMemoryFile } from '../core/lib/atomic-file.ts';
import { isErrno } from '../core/lib/errors.ts';
import { type BindingFile, readBindingFile } from './binding-format.ts';
import { interfaceBinding } from './interface-binding.ts';
import { openVmidLinks } from './vmid-links.ts';

export interface ClaimFiles {
  /** What an earlier run left. */
  readonly kept: readonly BindingFile[];
  /** Writes nothing where the file has that content already. */
  write(file: BindingFile): void;
  remove(port: string): Promise<void>;
  /** The device that the port's file names. */
  device(port: string): Pick<BindingFile, 'interface' | 'ifindex'> | undefined;
  /** Devices that were ever noted for the port, in this run and by files of an earlier one. */
  noted(port: string): ReadonlySet<string>;
  /** Files of an earlier run that are not understood, and lie there still. */
  damaged(): string[];
}

const NOTHING: ReadonlySet<string> = new Set();

/** @param onProblem told of each file that is damaged; it is left out */
export async function openClaimFiles(
  directory: string,
  onProblem: (problem: string) => void,
): Promise<ClaimFiles> {
  await mkdir(directory, { recursive: true, mode: 0o750 });
  const { kept, damaged } = await readAll(directory, onProblem);
  const devices = new Map<string, Pick<BindingFile, 'interface' | 'ifindex'>>();
  const noted = new Map<string, Set<string>>();
  const texts = new Map<string, string>();
  const note = ({ port, interface: link }: BindingFile) => {
    noted.set(port, (noted.get(port) ?? new Set()).add(link));
  };
  for (const file of kept) {
    devices.set(file.port, file);
    note(file);
  }
  const fileOf = (port: string) => join(directory, `${port}.json`);
  const links = openVmidLinks(join(directory, 'by-vmid'), [...devices.keys()]);

  return {
    kept,
    write(file) {
      note(file);
      const text = `${JSON.stringify({ ...file, ...interfaceBinding(file, fileOf(file.port)) })}\n`;
      if (texts.get(file.port) === text) return;
      writeMemoryFile(fileOf(file.port), text);
      damaged.delete(fileOf(file.port));
      links.add(file.port);
      texts.set(file.port, text);
      devices.set(file.port, file);
    },
    async remove(port) {
      texts.delete(port);
      devices.delete(port);
      links.remove(port);
      await unlink(fileOf(port)).catch((error: unknown) => {
        if (!isErrno(error, 'ENOENT')) throw error;
      });
    },
    device: (port) => devices.get(port),
    noted: (port) => noted.get(port) ?? NOTHING,
    damaged: () => [...damaged].filter((path) => existsSync(path)),
  };
}

async function readAll(
  directory: string,
  onProblem: (problem: string) => void,
): Promise<{ kept: BindingFile[]; damaged: Set<string> }> {
  const kept: BindingFile[] = [];
  const damaged = new Set<string>();
  for (const file of await readdir(directory)) {
    if (!file.endsWith('.json')) continue;
    const path = join(directory, file);
    const found = await readBindingFile(path);
    if (found !== undefined && `${found.port}.json` === file) kept.push(found);
    else {
      onProblem(`${path} is not understood and was left out: is its port still right?`);
      damaged.add(path);
    }
  }
  return { kept, damaged };
}
