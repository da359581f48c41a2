// What files say: the agent's own, the host's network configuration, the boot's.

import { access, constants, readdir, readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { SPOOL_NAME } from '../../core/events/spool.ts';
import { type LinkState, linkNames, linkState } from '../../core/kernel/links.ts';
import { type Answer, attempt } from '../../core/lib/answer.ts';
import { isErrno } from '../../core/lib/errors.ts';
import { fileState } from '../../core/lib/runnable.ts';
import { nodeTreeFs } from '../../core/lib/tree-fs.ts';
import type { BindingFacts, SpoolFacts, StateFacts } from '../../diagnose/doctor/facts.ts';
import { parseInterfaces, type Stanza } from '../../diagnose/doctor/interfaces-file.ts';
import { leaseStateSchema } from '../../netmaker/address/lease-state.ts';
import { bindingSchema } from '../../state/desired-state.ts';

const DEADLINE_MS = 4000;
const LEASES_MAX = 16 * 1024 * 1024;
const INTERFACES_MAX = 1024 * 1024;
/** More sourced files than a person has. */
const SOURCED_MAX = 200;

export async function exists(path: string): Promise<boolean> {
  return (await fileState(path)) !== 'missing';
}

export async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim();
}

export async function readLinks(): Promise<Map<string, LinkState>> {
  const links = new Map<string, LinkState>();
  for (const name of await linkNames().catch(() => [])) {
    const state = await linkState(name).catch(() => undefined);
    if (state !== undefined) links.set(name, state);
  }
  return links;
}

/** The main file and, where it sources them, those of `interfaces.d`. Absent: a host that does without. */
export function readDeclared(directory: string): Promise<Answer<Map<string, Stanza>>> {
  return attempt('/etc/network/interfaces', DEADLINE_MS, async () => {
    const main = await textOf(join(directory, 'interfaces'));
    const bridges = parseInterfaces(main);
    if (!/^\s*source(?:-directory)?\s+\S*interfaces\.d/m.test(main)) return bridges;
    const folder = join(directory, 'interfaces.d');
    const names = await readdir(folder).catch(() => []);
    for (const name of names.sort().slice(0, SOURCED_MAX)) {
      const text = await textOf(join(folder, name)).catch(() => '');
      for (const [bridge, declared] of parseInterfaces(text)) bridges.set(bridge, declared);
    }
    return bridges;
  });
}

/** The agent's binding files; one that is being replaced or is damaged is passed over. */
export async function readBindings(directory: string): Promise<BindingFacts[]> {
  const bindings: BindingFacts[] = [];
  for (const file of await readdir(directory).catch(() => [])) {
    if (!file.endsWith('.json')) continue;
    const text = await nodeTreeFs.read(join(directory, file), 64 * 1024).catch(() => '');
    const binding = bindingSchema.safeParse(parsed(text));
    if (binding.success) bindings.push(withoutUndefined(binding.data) as BindingFacts);
  }
  return bindings;
}

export function readSpool(directory: string, now: number): Promise<Answer<SpoolFacts>> {
  return attempt('the spool', DEADLINE_MS, async () => {
    const names = await readdir(directory).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    });
    const events = names.filter((name) => SPOOL_NAME.test(name)).sort();
    // A name begins with the milliseconds of the epoch at which the event was left.
    const oldest = events[0] === undefined ? undefined : now - Number(events[0].slice(0, 13));
    return { files: events.length, ...(oldest !== undefined && { oldestMs: Math.max(0, oldest) }) };
  });
}

/** Whether a container has an address now; a file that is damaged says nothing. */
export async function hasLease(path: string): Promise<boolean> {
  const text = await nodeTreeFs.read(path, LEASES_MAX).catch(() => '');
  const state = leaseStateSchema.safeParse(parsed(text));
  return state.success && Object.values(state.data.leases).some(({ releasedAt }) => releasedAt === null);
}

export function readState(path: string): Promise<Answer<StateFacts>> {
  return attempt('the state directory', DEADLINE_MS, async () => {
    await stat(path);
    const { bavail, blocks, bsize } = await statfs(path);
    const refused = await access(path, constants.W_OK).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code ?? String(error),
    );
    const readOnly = refused === 'EROFS' ? 'its file system is read-only' : refused;
    return { path, free: bavail * bsize, size: blocks * bsize, ...(readOnly !== undefined && { readOnly }) };
  });
}

async function textOf(path: string): Promise<string> {
  try {
    return await nodeTreeFs.read(path, INTERFACES_MAX);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return '';
    throw error;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** zod keeps a key whose value is undefined. */
function withoutUndefined(value: object): object {
  return JSON.parse(JSON.stringify(value)) as object;
}
