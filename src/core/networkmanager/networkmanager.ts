// NetworkManager's D-Bus calls that we need, one function each, with its signals already listened to.

import { z } from 'zod';
import type { Bus } from '../bus/bus.ts';
import { AgentError } from '../lib/errors.ts';
import { Activations } from './activations.ts';
import { openAnswering } from './answering.ts';
import { callsOf } from './calls.ts';
import { devicePath, unmanage } from './devices.ts';
import { ACTIVE, NM, SETTINGS } from './names.ts';
import type { Profile } from './profile.ts';
import { type NetworkManagerState, readState, settled } from './state.ts';
import { type StoredProfile, StoredProfiles } from './stored-profiles.ts';
import { Departure, NextEvent } from './waiting.ts';

export { type NetworkManagerState, NO_NETWORKMANAGER } from './state.ts';
export type { StoredProfile } from './stored-profiles.ts';

export interface NetworkManager {
  state(): Promise<NetworkManagerState>;
  /** Adds a profile in memory and returns its object path; one with the same UUID is replaced. */
  addProfile(profile: Profile): Promise<string>;
  /** Deletes a profile, which also deactivates it; one that is gone already is fine. */
  deleteProfile(uuid: string): Promise<boolean>;
  /** Object path of the profile, or undefined. */
  profilePath(uuid: string): Promise<string | undefined>;
  /** None when NetworkManager is not there: what it kept in /run comes back with it, and so does the question. */
  profiles(): Promise<StoredProfile[]>;
  /** Object path of the device of a kernel link; waits for NetworkManager to notice a fresh one. */
  devicePath(link: string, deadlineMs: number): Promise<string>;
  /** Activates and waits for the outcome. `device` is `/` for a device that NetworkManager makes. */
  activate(profilePath: string, device: string, deadlineMs: number): Promise<void>;
  /** Leaves a link alone again, as before we activated a profile on it; one that is gone is fine. */
  unmanage(link: string): Promise<void>;
  /** Resolves once NetworkManager has brought up what it had. Throws `deadline-exceeded`. */
  settled(deadlineMs: number): Promise<void>;
  /** Called with true when NetworkManager appears on the bus or answers again, with false when it goes or hangs. */
  onPresence(listener: (present: boolean) => void): void;
}

const ownerSignal = z.tuple([z.string(), z.string(), z.string()]);
const OWNER_CHANGED = {
  sender: 'org.freedesktop.DBus',
  interface: 'org.freedesktop.DBus',
  member: 'NameOwnerChanged',
  arg0: NM,
};

/**
 * Subscribes to what the calls need. NetworkManager itself need not be there yet. While it is away or hangs each call
 * throws `networkmanager-unavailable`, and what waits for something of it does so at once.
 *
 * @param onUnreadable told, once each, of profiles that cannot be made out; they are left out
 */
export async function openNetworkManager(
  bus: Bus,
  onUnreadable: (problem: string) => void = () => undefined,
): Promise<NetworkManager> {
  const presenceListeners: ((present: boolean) => void)[] = [];
  const report = (present: boolean) => {
    for (const listener of presenceListeners) listener(present);
  };
  const answering = openAnswering(bus, (silent) => report(!silent));
  const call = callsOf(answering);
  const departure = new Departure();
  const added = new NextEvent();
  const activations = new Activations(call, departure);
  const profiles = new StoredProfiles(call, bus, onUnreadable);
  const stateParts = { bus, call, answering, departure };
  const deviceParts = { bus, call, departure, added };

  await Promise.all([
    bus.subscribe({ sender: NM, interface: ACTIVE, member: 'StateChanged' }, (signal) =>
      activations.onStateChanged(signal),
    ),
    bus.subscribe({ sender: NM, interface: NM, member: 'DeviceAdded' }, () => added.happened()),
    bus.subscribe({ sender: NM, interface: SETTINGS, member: 'ConnectionRemoved' }, (signal) =>
      profiles.forget(String(signal.body[0])),
    ),
    bus.subscribe(OWNER_CHANGED, (signal) => {
      const [, former, owner] = ownerSignal.parse(signal.body);
      activations.forgetAll();
      profiles.forgetAll();
      answering.ownerChanged();
      if (former !== '')
        departure.leave(new AgentError('networkmanager-unavailable', 'NetworkManager has gone'));
      added.happened();
      report(owner !== '');
    }),
  ]);

  return {
    state: () => readState(stateParts),
    settled: (deadlineMs) => settled(stateParts, deadlineMs),
    addProfile: (profile) => profiles.add(profile),
    deleteProfile: (uuid) => profiles.delete(uuid),
    profilePath: (uuid) => profiles.path(uuid),
    profiles: () => profiles.all(),
    devicePath: (link, deadlineMs) => devicePath(deviceParts, link, deadlineMs),
    unmanage: (link) => unmanage(deviceParts, link),
    activate: (path, device, deadlineMs) => activations.activate(path, device, deadlineMs),
    onPresence: (listener) => void presenceListeners.push(listener),
  };
}
