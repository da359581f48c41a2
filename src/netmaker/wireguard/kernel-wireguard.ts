// Asks the kernel's WireGuard interfaces of a container, with the host's own programs.

import { access } from 'node:fs/promises';
import * as z from 'zod';
import { AgentError } from '../../core/lib/errors.ts';
import type { Exec } from '../../core/lib/exec.ts';
import { INTERFACES_MAX, interfaceNameSchema, type MeshInterface, type MeshInterfaces } from './interface.ts';
import { parseWgDump } from './wg-dump.ts';

/** Some versions of iproute2 print `{}` for a link that the filter left out. */
const linksSchema = z.array(
  z.object({
    ifname: interfaceNameSchema.optional(),
    linkinfo: z.object({ info_kind: z.string().optional() }).optional(),
  }),
);

const DEADLINE_MS = 1000;

export interface KernelPlaces {
  /** Is there when the kernel has WireGuard, loaded or built in. */
  module: string;
  /** Where `wg` looks for userspace interfaces, whatever network namespace it is in. */
  sockets: string;
}

export const KERNEL_PLACES: KernelPlaces = { module: '/sys/module/wireguard', sockets: '/var/run/wireguard' };

/**
 * Starts nothing where the kernel has no WireGuard. Throws `wireguard-unreadable`: the host has no `wg`, the process
 * is gone, or an answer was not understood; nothing of the answer is in the error.
 */
export async function readKernel(exec: Exec, pid: number, places = KERNEL_PLACES): Promise<MeshInterfaces> {
  if (!(await isThere(places.module))) return { interfaces: [], leftOut: 0 };
  const inside = async (...command: string[]) => {
    try {
      const args = [`--net=/proc/${pid}/ns/net`, '--', ...command];
      return await exec('nsenter', args, { deadlineMs: DEADLINE_MS });
    } catch {
      // Without the cause: a program's output, private keys included, is part of it.
      const what = `${command[0]} failed in the network namespace of process ${pid}`;
      throw new AgentError('wireguard-unreadable', what);
    }
  };
  const names = wireGuardLinks(await inside('ip', '-json', '-details', 'link', 'show', 'type', 'wireguard'));
  const read = await Promise.all(
    names.slice(0, INTERFACES_MAX).map(async (name): Promise<MeshInterface | undefined> => {
      // `wg` prefers a userspace interface of that name: here, one of the host's own.
      if (await isThere(`${places.sockets}/${name}.sock`)) return undefined;
      return { interface: name, source: 'kernel', ...parseWgDump(await inside('wg', 'show', name, 'dump')) };
    }),
  );
  const interfaces = read.filter((entry) => entry !== undefined);
  return { interfaces, leftOut: Math.max(0, names.length - INTERFACES_MAX) };
}

function wireGuardLinks(text: string): string[] {
  try {
    return linksSchema
      .parse(JSON.parse(text))
      .filter(({ linkinfo }) => linkinfo?.info_kind === 'wireguard')
      .map(({ ifname }) => ifname)
      .filter((name) => name !== undefined);
  } catch (error) {
    throw new AgentError('wireguard-unreadable', 'The list of links was not understood', { cause: error });
  }
}

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
