// Ends what a crash left half done among the segments: sealing, packing. The writer's lock must be held.
import { chmod, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isErrno } from '../lib/errors.ts';
import { holdsSameText } from './pack-segment.ts';
import { type LedgerPaths, makeDir, syncDir } from './paths.ts';
import { PART, SEALED_MODE, type Sealed, sealedSegments } from './segments.ts';

export async function settleSegments(paths: LedgerPaths): Promise<void> {
  await rm(paths.next, { force: true });
  const names = await readdir(paths.segments).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  });
  if (names === undefined) return;
  for (const name of names) if (name.endsWith(PART)) await rm(join(paths.segments, name));
  const sealed = await sealedSegments(paths);
  await takeBack(paths, sealed.at(-1));
  for (const one of sealed)
    if (!one.packed && names.includes(`${basename(one.path)}.gz`)) await settlePacked(paths, one);
  for (const { path } of await sealedSegments(paths)) await makeReadOnly(path);
  await syncDir(paths.segments);
}

// Between link() and rename(): the file is still the one that is appended to.
async function takeBack(paths: LedgerPaths, last: Sealed | undefined): Promise<void> {
  if (last === undefined) return;
  const [active, sealed] = await Promise.all([stat(paths.file).catch(() => undefined), stat(last.path)]);
  if (active?.ino === sealed.ino && active.dev === sealed.dev) await rm(last.path);
}

// The packed file was whole before it got its name. Should somebody have changed one of the two since, both are kept.
async function settlePacked(paths: LedgerPaths, plain: Sealed): Promise<void> {
  const packed = `${plain.path}.gz`;
  if (await holdsSameText(plain.path, packed)) return rm(plain.path);
  await makeDir(paths.broken);
  await rename(packed, join(paths.broken, basename(packed)));
  await syncDir(paths.broken);
}

async function makeReadOnly(path: string): Promise<void> {
  if (((await stat(path)).mode & 0o777) !== SEALED_MODE) await chmod(path, SEALED_MODE);
}
