// Looks at a directory by a timer, and tells what has changed since the last look.

import { lstatSync, readdirSync, type Stats, statSync } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

type Look = ReadonlyMap<string, string>;

export interface PollingListener {
  /** Called with the name of each entry that came, went or changed. */
  onChange(name: string): void;
  /** The directory is not there any more, or another one is in its place. */
  onGone(): void;
  /** Whether nobody wants to be told any more. */
  isClosed(): boolean;
}

export class Polling {
  readonly #path: string;
  readonly #listener: PollingListener;
  /** Another directory of the same name is another one, as for inotify. */
  readonly #identity: string;
  readonly #timer: NodeJS.Timeout;
  #known: Look;
  #isPolling = false;

  /** Throws what the file system says where there is no such directory. */
  constructor(path: string, pollMs: number, listener: PollingListener) {
    this.#path = path;
    this.#listener = listener;
    this.#identity = identityOf(statSync(path));
    this.#known = lookNow(path);
    this.#timer = setInterval(() => void this.#look(), pollMs).unref();
  }

  /** What changed since the last look would be told by nobody after `stop`. */
  reportNow(): void {
    const now = safely(() => lookNow(this.#path)) ?? this.#known;
    for (const name of changed(this.#known, now)) this.#listener.onChange(name);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#isPolling) return;
    this.#isPolling = true;
    const seen = await lookAt(this.#path, this.#identity).catch(() => undefined);
    this.#isPolling = false;
    if (this.#listener.isClosed()) return;
    if (seen === undefined) {
      this.#listener.onGone();
      return;
    }
    const before = this.#known;
    this.#known = seen;
    for (const name of changed(before, seen)) if (!this.#listener.isClosed()) this.#listener.onChange(name);
  }
}

const fingerprint = ({ ino, size, mtimeMs, ctimeMs }: Stats) => `${ino}/${size}/${mtimeMs}/${ctimeMs}`;

/** Inode numbers are used again at once; where a file system knows no time of birth, it is 0. */
const identityOf = ({ dev, ino, birthtimeMs }: Stats) => `${dev}/${ino}/${birthtimeMs}`;

/** At once, so that no change falls between the beginning of the watch and the first look. */
function lookNow(path: string): Look {
  return new Map(
    readdirSync(path).flatMap((name) => {
      const found = safely(() => lstatSync(join(path, name)));
      return found === undefined ? [] : [[name, fingerprint(found)] as const];
    }),
  );
}

/** Undefined where another directory has taken its place. */
async function lookAt(path: string, identity: string): Promise<Look | undefined> {
  if (identityOf(await stat(path)) !== identity) return undefined;
  const entries = (await readdir(path)).map(async (name) => {
    const found = await lstat(join(path, name)).catch(() => undefined);
    return found === undefined ? [] : [[name, fingerprint(found)] as const];
  });
  return new Map((await Promise.all(entries)).flat());
}

/** Entries that came, went or changed. */
export function changed(before: Look, after: Look): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name));
}

function safely<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
