// What hookscripts need of this Proxmox node: its guests, its storages, and Proxmox's own commands.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError } from '../../../core/lib/errors.ts';
import type { Exec } from '../../../core/lib/exec.ts';
import { fileState } from '../../../core/lib/runnable.ts';
import { nodeTreeFs } from '../../../core/lib/tree-fs.ts';
import { type ProxmoxGuest, type ReadyTree, readProxmoxGuest, readProxmoxTree } from '../config/tree.ts';
import { isFormer } from './record.ts';
import { type HookscriptRecords, openRecords } from './records.ts';
import { parseStorageCfg, type Storage, snippetFile } from './storage-cfg.ts';
import { OUR_VOLUME } from './volume.ts';

/** Milliseconds. Proxmox waits 10 s for a guest's lock and starts Perl before that. */
const SET_MS = 60_000;
const PATH_MS = 15_000;
const CFG_MAX_BYTES = 1024 * 1024;

export interface HookscriptHost {
  readonly tree: ReadyTree;
  readonly storages: ReadonlyMap<string, Storage>;
  readonly records: HookscriptRecords;
  /** The guest as its configuration is now. */
  guest(vmid: number): Promise<ProxmoxGuest | undefined>;
  /** `undefined` takes the hookscript away. Throws `guest-locked`, `proxmox-read-only` or `exec-failed`. */
  setHookscript(guest: ProxmoxGuest, volume: string | undefined): Promise<void>;
  /** Absolute path of a snippet's file. Throws `hookscript-unusable`. */
  fileOf(volume: string): Promise<string>;
}

/** Throws `not-proxmox` or `proxmox-unavailable`. `localPath`: see `parseStorageCfg`. */
export async function openHookscriptHost(
  root: string,
  exec: Exec,
  localPath?: string,
): Promise<HookscriptHost> {
  const tree = await readProxmoxTree({ root });
  if (tree.state === 'absent') throw new AgentError('not-proxmox', `There is no ${root}`);
  if (tree.state === 'unavailable') throw new AgentError('proxmox-unavailable', tree.reason);
  const cfg = await nodeTreeFs.read(join(root, 'storage.cfg'), CFG_MAX_BYTES).catch(() => '');
  const storages = parseStorageCfg(cfg, localPath);
  return {
    tree,
    storages,
    records: openRecords(root),
    guest: (vmid) => readProxmoxGuest(vmid, { root }),
    async setHookscript({ vmid, runtime }, volume) {
      const command = runtime === 'proxmox-qemu' ? 'qm' : 'pct';
      const change = volume === undefined ? ['--delete', 'hookscript'] : ['--hookscript', volume];
      try {
        await exec(command, ['set', String(vmid), ...change], { deadlineMs: SET_MS });
      } catch (error) {
        throw refusalOf(error);
      }
    },
    async fileOf(volume) {
      const known = snippetFile(volume, storages);
      const path =
        known ?? (await exec('pvesm', ['path', volume], { deadlineMs: PATH_MS }).catch(() => '')).trim();
      if (isFormer({ volume, path })) return path;
      throw new AgentError('hookscript-unusable', `The file of ${JSON.stringify(volume)} cannot be found`);
    },
  };
}

/** What keeps Proxmox from running a file as hookscript (PVE::GuestHelpers, check_hookscript), or undefined. */
export async function hookscriptProblem(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return `there is no file ${path}`;
  switch (await fileState(path)) {
    case 'fine':
      return undefined;
    case 'missing':
      return `there is no file ${path}`;
    case 'not-executable':
      return `${path} is not executable`;
    case 'noexec':
      return `${path} is on a file system that is mounted noexec`;
  }
}

/** Throws `snippet-missing` or `snippet-noexec` when this node could not run our hookscript. */
export async function demandSnippet(host: HookscriptHost): Promise<void> {
  const path = await host.fileOf(OUR_VOLUME);
  const problem = await hookscriptProblem(path);
  if (problem === undefined) return;
  const code = (await fileState(path)) === 'noexec' ? 'snippet-noexec' : 'snippet-missing';
  throw new AgentError(code, `On this node ${problem}`);
}

const LOCKED = /can't lock file|\bis locked\b|got (?:lock )?timeout/i;
const READ_ONLY = /no quorum|permission denied|read-only file system/i;

/** Proxmox's commands say why on stderr, mostly last, and end with 255 whatever it was. */
function refusalOf(error: unknown): AgentError {
  const cause = error instanceof Error ? (error.cause as { stderr?: unknown } | undefined) : undefined;
  const lines = typeof cause?.stderr === 'string' ? cause.stderr.split('\n').reverse() : [];
  const locked = lines.find((line) => LOCKED.test(line));
  if (locked !== undefined) return new AgentError('guest-locked', short(locked));
  const refused = lines.find((line) => READ_ONLY.test(line));
  if (refused !== undefined) return new AgentError('proxmox-read-only', short(refused));
  return error instanceof AgentError ? error : new AgentError('exec-failed', String(error));
}

const short = (line: string) => line.trim().slice(0, 300);
