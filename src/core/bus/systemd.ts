// What the agent asks of systemd: to start a unit, and whether it is itself stopped for good.

import { z } from 'zod';
import { isAgentError } from '../lib/errors.ts';
import { type Bus, busErrorType } from './bus.ts';
import { connectPeer } from './system-bus.ts';

const SYSTEMD = 'org.freedesktop.systemd1';
const UNIT = '/org/freedesktop/systemd1/unit/ovs_2dport_2dagent_2eservice';
/** systemd's own, for root; there also when no bus runs. */
const PRIVATE_SOCKET = '/run/systemd/private';
const DEADLINE_MS = 2_000;

const jobReply = z.tuple([z.tuple([z.number(), z.string()])]);
const typeReply = z.tuple([z.string()]);

/**
 * Asks for the type of the unit's job (org.freedesktop.systemd1(5), `Job` and `JobType`). `stop` also when the host goes
 * down; `other` when it cannot be known, or nobody asked for a stop. It asks systemd itself, at the socket that systemctl
 * uses: the bus may be stopped in the same moment.
 */
export async function stopKind(path = PRIVATE_SOCKET): Promise<'stop' | 'other'> {
  let peer: Pick<Bus, 'call' | 'close'> | undefined;
  try {
    peer = await connectPeer(path, DEADLINE_MS);
    const [[number, job]] = jobReply.parse(await property(peer, UNIT, `${SYSTEMD}.Unit`, 'Job'));
    if (number === 0) return 'other';
    const [type] = typeReply.parse(await property(peer, job, `${SYSTEMD}.Job`, 'JobType'));
    return type === 'stop' ? 'stop' : 'other';
  } catch (error) {
    if (isAgentError(error) || error instanceof z.ZodError) return 'other';
    throw error;
  } finally {
    peer?.close();
  }
}

function property(bus: Pick<Bus, 'call'>, path: string, iface: string, name: string): Promise<unknown[]> {
  return bus.call({
    destination: SYSTEMD,
    path,
    interface: 'org.freedesktop.DBus.Properties',
    member: 'Get',
    signature: 'ss',
    body: [iface, name],
    deadlineMs: DEADLINE_MS,
  });
}

/** Has a oneshot unit started; resolves when its job is queued. Throws what `Bus.call` does. */
export async function startUnit(bus: Pick<Bus, 'call'>, unit: string): Promise<void> {
  await bus.call({
    destination: SYSTEMD,
    path: '/org/freedesktop/systemd1',
    interface: `${SYSTEMD}.Manager`,
    member: 'StartUnit',
    signature: 'ss',
    body: [unit, 'replace'],
  });
}

/**
 * Has a unit stopped, which systemd kills in the end. Resolves when its job is queued, or there is no such unit: one that is not
 * loaded is not looked for on the disk. Throws what `Bus.call` does.
 */
export async function stopUnit(bus: Pick<Bus, 'call'>, unit: string): Promise<void> {
  const manager = {
    destination: SYSTEMD,
    path: '/org/freedesktop/systemd1',
    interface: `${SYSTEMD}.Manager`,
  };
  try {
    await bus.call({ ...manager, member: 'GetUnit', signature: 's', body: [unit] });
  } catch (error) {
    if (busErrorType(error) === `${SYSTEMD}.NoSuchUnit`) return;
    throw error;
  }
  await bus.call({ ...manager, member: 'StopUnit', signature: 'ss', body: [unit, 'replace'] });
}
