// What can be said of a configuration file: when it was changed last, whose it is, and which bytes were read.

import { readFile, stat } from 'node:fs/promises';
import { sha256Hex } from '../../core/ledger/sha256.ts';
import { nameOf } from '../users/who.ts';

export interface ConfigFile {
  path: string;
  /** RFC 3339. */
  modified: string;
  /** A name, or `uid:1000`. */
  owner: string;
  /** Octal, such as `0644`. */
  mode: string;
  sha256: string;
}

/** Null when there is no such file, or it cannot be read: then nothing is known of it. Does not throw. */
export async function describeFile(path: string, passwd = '/etc/passwd'): Promise<ConfigFile | null> {
  try {
    const [about, content, users] = await Promise.all([
      stat(path),
      readFile(path, 'utf8'),
      readFile(passwd, 'utf8').catch(() => ''),
    ]);
    return {
      path,
      modified: about.mtime.toISOString(),
      owner: nameOf(about.uid, users) || `uid:${about.uid}`,
      mode: (about.mode & 0o7777).toString(8).padStart(4, '0'),
      sha256: sha256Hex(content),
    };
  } catch {
    return null;
  }
}
