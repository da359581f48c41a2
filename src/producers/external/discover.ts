// Which producers there are: programs in one folder, sockets in another, and why some of them are not trusted.

import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../../core/lib/errors.ts';
import { PRODUCER_NAME } from './declaration.ts';

export interface Candidate {
  /** The file's name. */
  name: string;
  path: string;
  kind: 'program' | 'socket';
  /** Another one: the file was replaced. */
  identity: string;
  /** Why it is not run, as the end of a sentence. */
  refusal?: string;
}

/** Bytes of a program: its digest goes into the ledger, so it is read. */
const PROGRAM_MAX = 64 * 1024 * 1024;

/**
 * A folder that is not there is empty. Names with a dot and the like are passed over, as run-parts(8) does: editors and dpkg
 * leave such files. A name that is in both folders is the program's. Throws what the file system says when one cannot be read.
 *
 * @param owner uid that both folders, and what is in them, must belong to
 */
export async function findProducers(
  folders: { programs: string; sockets: string },
  owner = 0,
): Promise<Candidate[]> {
  const programs = await within(folders.programs, 'program', owner);
  const sockets = await within(folders.sockets, 'socket', owner);
  const taken = new Set(programs.map(({ name }) => name));
  return [...programs, ...sockets.filter(({ name }) => !taken.has(name))];
}

async function within(folder: string, kind: Candidate['kind'], owner: number): Promise<Candidate[]> {
  try {
    const about = await lstat(folder);
    const isOpen = about.uid !== owner || (about.mode & 0o022) !== 0;
    const refusal = isOpen ? `others than root can change ${folder}` : undefined;
    const names = (await readdir(folder)).filter((name) => PRODUCER_NAME.test(name)).sort();
    const found = names.map((name) => candidate(join(folder, name), name, kind, owner));
    return (await Promise.all(found)).flatMap((each) => {
      if (each === undefined) return [];
      return [refusal === undefined ? each : { ...each, refusal }];
    });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Undefined for what is gone already, or no producer at all. */
async function candidate(
  path: string,
  name: string,
  kind: Candidate['kind'],
  owner: number,
): Promise<Candidate | undefined> {
  const about = await lstat(path).catch(() => undefined);
  if (about === undefined || about.isDirectory()) return undefined;
  const { ino, mtimeMs, ctimeMs, size, mode } = about;
  const found = { name, path, kind, identity: [ino, mtimeMs, ctimeMs, size, mode].join('/') };
  // Who can put a socket there is root, and whom root has given it to.
  if (kind === 'socket') return about.isSocket() ? found : undefined;
  const refusal = about.isFile() ? programRefusal(about, owner) : 'it is no regular file';
  return refusal === undefined ? found : { ...found, refusal };
}

function programRefusal({ uid, mode, size }: { uid: number; mode: number; size: number }, owner: number) {
  if (uid !== owner) return 'it does not belong to root';
  if ((mode & 0o022) !== 0) return 'others than root can change it';
  if ((mode & 0o005) !== 0o005) return 'it runs as a user of its own, and only root may read and execute it';
  if (size > PROGRAM_MAX) return 'it is too large';
  return undefined;
}
