// A checkpoint of NetworkManager that can harm no guest.
//
// Of the bridge's devices only the host's own interface on it is in: to roll back the bridge itself would activate it
// anew, which takes every port off it. And it has no timer: one that runs out undoes what was changed meanwhile.

import { z } from 'zod';
import { type Bus, busErrorType } from '../bus/bus.ts';
import { AgentError } from '../lib/errors.ts';
import { ABSENT_ERRORS, NM, NM_PATH, PROPERTIES } from './names.ts';

/** NM_DEVICE_TYPE_OVS_INTERFACE */
const OVS_INTERFACE = 24;
const NO_TIMER = 0;
const NO_FLAGS = 0;

const pathReply = z.tuple([z.string()]);
const pathsReply = z.tuple([z.array(z.string())]);
const deviceReply = z.tuple([z.object({ Interface: z.string(), DeviceType: z.number() })]);

/**
 * Object path of a new checkpoint of the internal interface `bridge`. Throws `bridge-not-ours` when NetworkManager has
 * no such device, and `bus-call-failed` when it refuses, as it does while another checkpoint has the device.
 */
export async function createBridgeCheckpoint(bus: Bus, bridge: string): Promise<string> {
  const device = await ovsInterfaceDevice(bus, bridge);
  if (device === undefined) {
    throw new AgentError(
      'bridge-not-ours',
      `NetworkManager does not manage ${bridge}, so it can keep no checkpoint of it`,
    );
  }
  try {
    const reply = await bus.call({
      destination: NM,
      path: NM_PATH,
      interface: NM,
      member: 'CheckpointCreate',
      signature: 'aouu',
      body: [[device], NO_TIMER, NO_FLAGS],
    });
    return pathReply.parse(reply)[0];
  } catch (error) {
    if (busErrorType(error) === undefined) throw error;
    throw new AgentError('bus-call-failed', `NetworkManager made no checkpoint of ${bridge}`, {
      cause: error instanceof Error ? error.cause : error,
    });
  }
}

/** All are looked at: with the netdev datapath a tap has the same name, and asking by name gives either. */
async function ovsInterfaceDevice(bus: Bus, link: string): Promise<string | undefined> {
  const [paths] = pathsReply.parse(
    await bus.call({ destination: NM, path: NM_PATH, interface: NM, member: 'GetDevices' }),
  );
  const matches = await Promise.all(paths.map((path) => isOvsInterface(bus, path, link)));
  return paths.find((_, index) => matches[index]);
}

async function isOvsInterface(bus: Bus, path: string, link: string): Promise<boolean> {
  const call = { destination: NM, path, interface: PROPERTIES, member: 'GetAll', signature: 's' };
  try {
    const [device] = deviceReply.parse(await bus.call({ ...call, body: [`${NM}.Device`] }));
    return device.DeviceType === OVS_INTERFACE && device.Interface === link;
  } catch (error) {
    // Devices come and go with guests.
    if (ABSENT_ERRORS.includes(busErrorType(error) ?? '')) return false;
    throw error;
  }
}
