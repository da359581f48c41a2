// The inner end of a container's veth pair: whether it is where it should be, and what stands in its way.

import { AgentError } from '../lib/errors.ts';
import type { Exec } from '../lib/exec.ts';
import { GuestNamespace, type Link } from './guest-namespace.ts';
import { linkIndex } from './links.ts';
import type { VethRequest } from './veth-request.ts';

/** Whether the outer end's peer is the named device in the container's namespace. */
export async function hasInnerEnd(
  exec: Exec,
  outer: string,
  { pid, guestInterface }: VethRequest,
): Promise<boolean> {
  const index = await linkIndex(outer);
  if (index === undefined) return false;
  return (await new GuestNamespace(exec, pid).link(guestInterface))?.link_index === index;
}

/** The other end of a veth that somebody else made. Throws `link-missing`. */
export async function peerInside(guest: GuestNamespace, outer: string): Promise<Link> {
  const index = await linkIndex(outer);
  const isPeer = ({ linkinfo, link_index: peer }: Link) => linkinfo?.info_kind === 'veth' && peer === index;
  const found = (await guest.links()).find(isPeer);
  if (found === undefined) throw new AgentError('link-missing', `The other end of ${outer} is not in sight`);
  return found;
}

export function takenError(name: string, cause?: unknown): AgentError {
  return new AgentError('interface-taken', `The container has an interface ${name} of its own`, { cause });
}

/** Runs what gives the container a device of that name; throws `interface-taken` where it fails and there is one. */
export async function orTaken(guest: GuestNamespace, name: string, work: () => Promise<unknown>) {
  try {
    await work();
  } catch (error) {
    throw (await guest.hasLink(name)) ? takenError(name, error) : error;
  }
}
