// Makes a directory with its missing parents.
//
// Node's own `mkdir` with `recursive` tries for ever where a parent is there and still nothing can be made in it, as in proc
// (nodejs/node, src/node_file.cc, `MKDirpAsync`).

import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isErrno } from './errors.ts';

/** Returns the first directory that it made; undefined where all were there: those keep their modes. Throws the system's errors. */
export async function makeDirs(path: string, mode?: number): Promise<string | undefined> {
  try {
    return await makeOne(path, mode);
  } catch (error) {
    const parent = dirname(path);
    if (!isErrno(error, 'ENOENT') || parent === path) throw error;
    const first = await makeDirs(parent, mode);
    const own = await makeOne(path, mode);
    return first ?? own;
  }
}

async function makeOne(path: string, mode: number | undefined): Promise<string | undefined> {
  try {
    await mkdir(path, { ...(mode !== undefined && { mode }) });
    return path;
  } catch (error) {
    if (isErrno(error, 'EEXIST') && (await stat(path)).isDirectory()) return undefined;
    throw error;
  }
}
