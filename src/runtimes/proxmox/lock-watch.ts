// Watches the locks that Proxmox holds while it works on a container's configuration: each open and close, at once.

import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { vmidFromText } from '../../core/guest/vmid.ts';
import type { Follow } from '../../core/lib/exec.ts';
import { readProc } from '../../core/lib/read-proc.ts';

/** PVE::LXC::Config, `config_file_lock`: opened for appending, then flock(2), held until the change is done. */
const LOCK_FILE = /^pve-config-(\d+)\.lock$/;
const lineSchema = z.string().max(4096);

export interface LockWatchParts {
  /** Directory of the locks; its parent must be there. */
  directory: string;
  /** The program that asks inotify, `open-watch.pl`. */
  program: string;
  follow: Follow;
  onOpen(vmid: number): void;
  onClose(vmid: number): void;
  /** From now on it is told; what happened before was not. */
  onAnew(): void;
  /** Why nothing is told; undefined when it is again. */
  onProblem(problem: string | undefined): void;
}

export interface LockWatch {
  /** Resolves when it is known whether it works. */
  readonly ready: Promise<void>;
  close(): void;
}

/** One that ran for that long was in order, and what ended it came from outside. */
const SOUND_MS = 10_000;
const LONGEST_MS = 60_000;

export function watchLocks(parts: LockWatchParts): LockWatch {
  const stop = new AbortController();
  let known: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    known = resolve;
  });
  let failures = 0;
  let reported: string | undefined;
  const report = (problem: string | undefined) => {
    known();
    if (problem === reported) return;
    reported = problem;
    parts.onProblem(problem);
  };

  const runOnce = async (): Promise<string> => {
    let last = 'it ended';
    let begun = false;
    const onLine = (text: string) => {
      const line = lineSchema.safeParse(text);
      if (!line.success) return;
      const [word, ...rest] = line.data.split(' ');
      const name = rest.join(' ');
      if (word === 'problem') last = name;
      else if (word === 'anew') {
        // An earlier one that ended at once says nothing of this one yet.
        if (failures < 2) report(undefined);
        begun = true;
        parts.onAnew();
      } else {
        const vmid = vmidFromText(LOCK_FILE.exec(name)?.[1] ?? '');
        if (vmid === undefined) return;
        if (word === 'open') parts.onOpen(vmid);
        if (word === 'close') parts.onClose(vmid);
      }
    };
    const sound = setTimeout(() => {
      if (!begun) return;
      failures = 0;
      report(undefined);
    }, SOUND_MS);
    try {
      await parts.follow('perl', [parts.program, parts.directory], onLine, stop.signal);
    } catch (error) {
      if (last === 'it ended') last = error instanceof Error ? error.message : String(error);
    } finally {
      clearTimeout(sound);
    }
    return last;
  };
  const run = async () => {
    while (!stop.signal.aborted) {
      const reason = await runOnce();
      if (stop.signal.aborted) return;
      failures++;
      // Once may be an accident, after which the next one finds what is open.
      if (failures > 1) report(reason);
      const wait = failures === 1 ? 0 : Math.min(1000 * 2 ** (failures - 2), LONGEST_MS);
      await new Promise((resolve) => setTimeout(resolve, wait).unref());
    }
  };
  void run();
  return {
    ready,
    close() {
      stop.abort();
      known();
    },
  };
}

/**
 * The containers whose lock somebody holds or waits for, or undefined when that cannot be told.
 * @param locks `/proc/locks` (proc_locks(5)): device as hexadecimal major:minor, then the inode
 */
export async function heldLocks(
  directory: string,
  locks = '/proc/locks',
): Promise<ReadonlySet<number> | undefined> {
  const text = await readProc(locks).catch(() => undefined);
  if (text === undefined) return undefined;
  const files = new Set(
    text.split('\n').flatMap((line) => / FLOCK .* ([0-9a-f]+:[0-9a-f]+:\d+) /.exec(line)?.[1] ?? []),
  );
  const names = await readdir(directory).catch(() => []);
  const held = names.flatMap((name) => {
    const vmid = vmidFromText(LOCK_FILE.exec(name)?.[1] ?? '');
    return vmid !== undefined && files.has(lockIdOf(join(directory, name)) ?? '') ? [vmid] : [];
  });
  return new Set(held);
}

/** As the kernel prints it in `/proc/locks`, or undefined when the file is gone. */
function lockIdOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    // gnu_dev_major, gnu_dev_minor of glibc
    const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
    const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
    const hex = (part: bigint) => part.toString(16).padStart(2, '0');
    return `${hex(major)}:${hex(minor)}:${ino}`;
  } catch {
    return undefined;
  }
}
