// Sets up the inner end of a container's veth pair: into the container, up, with its addresses and default routes.

import { isAgentError } from '../lib/errors.ts';
import type { VethParts, WaitingEnd } from './create-veth.ts';
import type { GivenRecord } from './given.ts';
import { GuestNamespace, refuseHostNamespace } from './guest-namespace.ts';
import { configureLines } from './guest-network.ts';
import { hasInnerEnd, orTaken } from './inner-end.ts';
import { linkIndex } from './links.ts';
import { type Family, familiesOf, type GuestNetwork, isSix } from './namespace-network.ts';
import type { VethRequest } from './veth-request.ts';

/** As `Veths.configure`. */
export async function configureVeth(
  parts: VethParts,
  outer: string,
  request: VethRequest,
  withoutOffload: boolean,
): Promise<void> {
  const { exec, given, waiting } = parts;
  const { guestInterface: link, pid } = request;
  await refuseHostNamespace(pid);
  const guest = new GuestNamespace(exec, pid);
  const parked = waiting.get(outer);
  const ifindex = await linkIndex(outer);
  const known = knownOf(parts, outer, ifindex, link);
  const families = familiesOf([...request.addresses, ...(known?.addresses ?? [])]);
  const linesNow = (before?: Map<Family, GuestNetwork>) =>
    Promise.all(
      families.map(async (family) =>
        configureLines(request, before?.get(family) ?? (await guest.network(family)), known),
      ),
    );
  const [lines, isOffloadOff] = await Promise.all([
    Promise.resolve(parked?.networks).then(linesNow),
    moveIn(parts, outer, request, parked),
  ]);
  // Docker turns IPv6 off in namespaces of networks without it; a container must not learn routes from neighbours.
  if (families.includes(6) && !known?.addresses.some(isSix)) {
    const settings = ['disable_ipv6', 'accept_ra'].map((name) => `/proc/sys/net/ipv6/conf/${link}/${name}`);
    await guest.run(['tee', ...settings], '0');
  }
  const setUp = async () => {
    const up = known === undefined ? `link set dev ${link} up\n` : '';
    try {
      await guest.batch(families, lines, up);
    } catch (error) {
      if (!isAgentError(error, 'exec-failed')) throw error;
      // Docker, or the container, has changed its routes between the look and the lines.
      await guest.batch(families, await linesNow(), up);
    }
  };
  const isOffloadDue = withoutOffload && !isOffloadOff && known === undefined;
  await Promise.all([setUp(), isOffloadDue ? guest.turnOffloadOff(link) : undefined]);
  if (ifindex === undefined) return;
  const { addresses, gateways } = request;
  given.write(outer, { ifindex, guestInterface: link, addresses: [...addresses], gateways: [...gateways] });
}

/** What this pair's inner end was given before, undefined for one that is new. */
function knownOf(
  { given }: VethParts,
  outer: string,
  ifindex: number | undefined,
  link: string,
): GivenRecord | undefined {
  const record = given.read(outer);
  return record?.ifindex === ifindex && record?.guestInterface === link ? record : undefined;
}

/** Brings an end that waits into the container; true when its offload is off already. */
async function moveIn(
  { exec, waiting }: VethParts,
  outer: string,
  request: VethRequest,
  parked: WaitingEnd | undefined,
): Promise<boolean> {
  const { guestInterface: link, pid } = request;
  if (parked === undefined) return false;
  const isOffloadOff = await parked.isOffloadOff;
  const move = ['ip', 'link', 'set', 'dev', outer, 'netns', String(pid), 'name', link];
  await orTaken(new GuestNamespace(exec, pid), link, async () => {
    try {
      await new GuestNamespace(exec, parked.place).run(move);
    } catch (error) {
      // The kernel ends what it has begun, also for a command that its deadline has ended meanwhile.
      if (!(await hasInnerEnd(exec, outer, request))) throw error;
    }
  });
  waiting.delete(outer);
  return isOffloadOff;
}
