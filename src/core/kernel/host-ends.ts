// Which veths of the host lead into which namespace, by the kernel's own record of it.

import { readlink } from 'node:fs/promises';
import { z } from 'zod';
import type { Exec } from '../lib/exec.ts';
import { askIp } from './ip-batch.ts';

const linksSchema = z.array(
  z.object({
    ifname: z.string(),
    link_index: z.number().optional(),
    /** Our kernel's number for the namespace that the other end is in; absent when that is the host's. */
    link_netnsid: z.number().optional(),
    linkinfo: z.object({ info_kind: z.string().optional() }).optional(),
  }),
);

/** `netnsid` is `unassigned` for a namespace that the host has no link to; some versions give numbers as texts. */
const namespacesSchema = z.object({
  namespaces: z.array(
    z.object({ ns: z.union([z.number(), z.string()]), netnsid: z.union([z.number(), z.string()]).nullish() }),
  ),
});

/** `net:[4026531833]`, or undefined for a process that is gone. */
export const namespaceOf = (process: string) => readlink(`/proc/${process}/ns/net`).catch(() => undefined);

/** Throws `exec-failed`. */
async function hostLinks(exec: Exec, ...which: string[]) {
  return linksSchema.parse((await askIp(exec, [['link', 'show', ...which]], { options: ['-details'] }))[0]);
}

/**
 * What the host calls each namespace in `link_netnsid`, by `net:[INODE]`. Indices of links say nothing by themselves: a
 * container can make pairs of its own, in a namespace of its own, that have the same ones.
 */
async function namespaceNumbers(exec: Exec): Promise<Map<string, number>> {
  const text = await exec('lsns', ['--json', '--type', 'net', '--output', 'NS,NETNSID']);
  const { namespaces } = namespacesSchema.parse(JSON.parse(text));
  return new Map(
    namespaces.flatMap(({ ns, netnsid }) =>
      /^\d+$/.test(String(netnsid)) ? [[`net:[${ns}]`, Number(netnsid)] as const] : [],
    ),
  );
}

/**
 * The host's ends of the veths inside the namespaces of processes, each in the order of their inner index. A process that
 * is gone has no entry, one in the host's own namespace an empty one. Throws `exec-failed`.
 */
export async function hostEndsOf(exec: Exec, pids: readonly number[]): Promise<Map<number, string[]>> {
  const spaces = await Promise.all(pids.map((pid) => namespaceOf(String(pid))));
  const ours = await namespaceOf('self');
  const [numbers, links] = await Promise.all([namespaceNumbers(exec), hostLinks(exec, 'type', 'veth')]);
  const endsIn = (space: string) => {
    const number = space === ours ? undefined : numbers.get(space);
    return links
      .filter((link) => number !== undefined && link.link_netnsid === number)
      .sort((a, b) => (a.link_index ?? 0) - (b.link_index ?? 0))
      .map(({ ifname }) => ifname);
  };
  return new Map(
    pids.flatMap((pid, at) => (spaces[at] === undefined ? [] : [[pid, endsIn(spaces[at])] as const])),
  );
}

/** Whether a device is a guest's by its kind: a tap, or a veth whose other end is in another namespace. Does not throw. */
export async function isGuestDevice(exec: Exec, name: string): Promise<boolean> {
  const [link] = await hostLinks(exec, 'dev', name).catch(() => []);
  const kind = link?.linkinfo?.info_kind;
  return kind === 'tun' || (kind === 'veth' && link?.link_netnsid !== undefined);
}
