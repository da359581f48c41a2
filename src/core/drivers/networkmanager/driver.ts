// The switch driver that works through NetworkManager: it acts on one step and decides nothing.

import { hasKernelDatapath, isUpWith, linkIndex, tunFlags } from '../../kernel/links.ts';
import { whileThere } from '../../kernel/while-there.ts';
import { pause } from '../../lib/deadline.ts';
import { AgentError, isAgentError } from '../../lib/errors.ts';
import type { NetworkManager } from '../../networkmanager/networkmanager.ts';
import type { Profile } from '../../networkmanager/profile.ts';
import type { OvsdbClient } from '../../ovsdb/client.ts';
import type { DesiredPort } from '../../plan/desired.ts';
import { NM_UUID_KEY, type ObservedPort } from '../../plan/observed.ts';
import { externalIdsOf } from '../../plan/owner.ts';
import type { BridgeWish, PortOutcome, SwitchDriver } from '../driver.ts';
import { moveInterface } from '../ovsdb/move-interface.ts';
import { observeBridges } from '../ovsdb/observe.ts';
import { removePort } from '../ovsdb/port-rows.ts';
import { usablePort } from '../ovsdb/usable.ts';
import { guestProfiles } from './guest-profiles.ts';
import {
  bridgeProfiles,
  interfaceProfile,
  type PortProfileInput,
  portProfile,
  profileUuid,
} from './profiles.ts';
import { againWhenStuck } from './when-stuck.ts';

export interface DriverParts {
  networkManager: NetworkManager;
  ovsdb: OvsdbClient;
  /** What works on rows that no profile holds. */
  rows: Pick<SwitchDriver, 'attach' | 'mark' | 'release'>;
  bootId: string;
  /** Has a bridge's own interface believe no guest, and without IPv6 unless it is asked for. */
  makeDeaf: (link: string, ipv6: boolean) => Promise<void>;
}

const NAME = 'networkmanager';
const ACTIVATION_MS = 15_000;
/** From a bridge's interface in Open vSwitch to its activation it takes 0.2 s. */
const STUCK_MS = 3_000;
const USABLE_MS = 5_000;
const GONE_MS = 5_000;
/** Waits before a second, third and fourth try: other writers of OVSDB make NetworkManager's guards fail. */
const RETRY_MS = [100, 300, 1000] as const;

export function networkManagerDriver({
  networkManager,
  ovsdb,
  rows,
  bootId,
  makeDeaf,
}: DriverParts): SwitchDriver {
  const profileInput = async (desired: DesiredPort): Promise<PortProfileInput> => {
    const bridgeUuid = observeBridges(ovsdb.replica).get(desired.bridge)?.networkManagerUuid;
    if (bridgeUuid === undefined) {
      throw new AgentError(
        'bridge-not-ours',
        `The bridge ${desired.bridge} does not belong to NetworkManager`,
      );
    }
    const tun = await tunFlags(desired.interface);
    const { vlan } = desired;
    return {
      bridge: desired.bridge,
      bridgeUuid,
      port: desired.port,
      interface: desired.interface,
      externalIds: externalIdsOf(desired, bootId),
      ...(tun === undefined ? {} : { tun }),
      ...(vlan?.tag === undefined ? {} : { tag: vlan.tag }),
      ...(vlan?.mode === undefined ? {} : { vlanMode: vlan.mode }),
      ...(vlan === undefined ? {} : { trunks: vlan.trunks }),
    };
  };

  const dropProfiles = async (uuids: readonly string[]): Promise<void> => {
    await Promise.all(uuids.map((uuid) => networkManager.deleteProfile(uuid)));
  };

  const uuidsOf = (bridge: string, port: string) => ({
    port: profileUuid('port', bridge, port),
    interface: profileUuid('interface', bridge, port),
  });

  const withProfiles = async (
    desired: DesiredPort,
    beforeActivation: (() => Promise<void>) | undefined,
  ): Promise<PortOutcome> => {
    const uuids = uuidsOf(desired.bridge, desired.port);
    for (let attempt = 1; ; attempt++) {
      try {
        const input = await profileInput(desired);
        // The three calls go out at once: NetworkManager answers in their order, and one answer is waited for, not three.
        const [, profile, device] = await allDone([
          networkManager.addProfile(portProfile(input)),
          networkManager.addProfile(interfaceProfile(input)),
          whileThere(desired.interface, networkManager.devicePath(desired.interface, ACTIVATION_MS)),
        ]);
        if (attempt === 1) await beforeActivation?.();
        await whileThere(desired.interface, networkManager.activate(profile, device, ACTIVATION_MS));
        // NetworkManager says ACTIVATED even when ovs-vswitchd could not open the device: OVSDB itself tells.
        const ofport = await usablePort(ovsdb, desired.port, desired.interface);
        return { driver: NAME, ofport, attempts: attempt };
      } catch (error) {
        const wait = RETRY_MS[attempt - 1];
        const final = wait === undefined || !isTransient(error);
        if (final) {
          await dropProfiles([uuids.interface, uuids.port]).catch(() => undefined);
          throw error;
        }
        await pause(wait);
      }
    }
  };

  const profilesOf = async ({ bridge, datapathType: wanted, addresses, ipv6 }: BridgeWish) => {
    const datapathType = wanted === 'auto' ? ((await hasKernelDatapath()) ? 'system' : 'netdev') : wanted;
    const externalIds = { 'ovs-port-agent.boot-id': bootId };
    return { datapathType, profiles: bridgeProfiles({ bridge, datapathType, addresses, ipv6, externalIds }) };
  };

  const detach = async (port: ObservedPort): Promise<void> => {
    const uuids = uuidsOf(port.bridge, port.port);
    const hasLink = (await linkIndex(port.interface)) !== undefined;
    try {
      await dropProfiles([uuids.interface, uuids.port]);
      if (hasLink) await networkManager.unmanage(port.interface);
    } catch (error) {
      if (hasLink || !isAgentError(error, 'networkmanager-unavailable')) throw error;
      // It went away or hangs; a row without its device would be in the way of the guest's next start.
      await ovsdb.transact(removePort(port));
      return;
    }
    try {
      await ovsdb.until(`waiting for ${port.port} to leave OVSDB`, GONE_MS, (replica) =>
        replica.named('Port', port.port) === undefined ? true : undefined,
      );
    } catch (error) {
      if (!isAgentError(error, 'deadline-exceeded')) throw error;
      await ovsdb.transact(removePort(port));
    }
  };

  return {
    name: NAME,
    owns: ({ name, networkManagerUuid }) => networkManagerUuid === profileUuid('bridge', name),
    isHeld(desired, { externalIds, interfaceExternalIds }) {
      const uuids = uuidsOf(desired.bridge, desired.port);
      return externalIds[NM_UUID_KEY] === uuids.port && interfaceExternalIds[NM_UUID_KEY] === uuids.interface;
    },
    profiles: () => guestProfiles(networkManager),
    dropProfiles,

    async createBridge(wish) {
      const { bridge } = wish;
      const { profiles, datapathType } = await profilesOf(wish);
      try {
        const paths = await addInOrder(networkManager, [profiles.bridge, profiles.port, profiles.interface]);
        const isThere = (withinMs: number) =>
          ovsdb.until(`waiting for ${bridge} in OVSDB`, withinMs, (replica) =>
            (replica.named('Interface', bridge)?.ofport ?? 0) > 0 ? true : undefined,
          );
        const activate = () => networkManager.activate(paths[2] ?? '', '/', ACTIVATION_MS);
        await againWhenStuck(activate, isThere(ACTIVATION_MS), STUCK_MS);
        await isThere(USABLE_MS);
        // NetworkManager hears advertisements itself, and does not for these methods; redirects are the kernel's.
        await makeDeaf(bridge, wish.ipv6);
      } catch (error) {
        await dropProfiles([
          profileUuid('bridge-interface', bridge),
          profileUuid('bridge-port', bridge),
          profileUuid('bridge', bridge),
        ]).catch(() => undefined);
        throw error;
      }
      return { datapathType };
    },

    async restoreBridge(wish) {
      const { bridge, addresses, ipv6 } = wish;
      if (await isUpWith(bridge, addresses)) {
        await makeDeaf(bridge, ipv6);
        return;
      }
      const { profiles } = await profilesOf(wish);
      for (let attempt = 1; ; attempt++) {
        try {
          // First as it is. When that does not help the profile may have other addresses, and is replaced.
          const uuid = profileUuid('bridge-interface', bridge);
          const kept = attempt === 1 ? await networkManager.profilePath(uuid) : undefined;
          const path = kept ?? (await networkManager.addProfile(profiles.interface));
          await networkManager.activate(path, '/', ACTIVATION_MS);
          if (await isUpWith(bridge, addresses)) {
            await makeDeaf(bridge, ipv6);
            return;
          }
          throw new AgentError('activation-failed', `${bridge} is not up with ${addresses.join(', ')}`);
        } catch (error) {
          const wait = RETRY_MS[attempt - 1];
          if (wait === undefined || !isTransient(error)) throw error;
          await pause(wait);
        }
      }
    },

    attach: (desired) => withProfiles(desired, undefined),

    adopt: (desired, from) => {
      const kept = { ...desired, vlan: from.vlan };
      const uuids = uuidsOf(desired.bridge, desired.port);
      const marks = externalIdsOf(desired, bootId);
      const stamped = {
        row: desired.port,
        from,
        portIds: { ...marks, [NM_UUID_KEY]: uuids.port },
        interfaceIds: { ...marks, [NM_UUID_KEY]: uuids.interface },
      };
      const stamp = () => ovsdb.transact(moveInterface(ovsdb.replica, stamped)).then(() => undefined);
      return withProfiles(kept, stamp);
    },

    detach,
    mark: rows.mark,
    release: rows.release,

    async handBack(desired, from) {
      // NetworkManager takes its row along when it lets go; the card is without a port for that moment.
      await detach(from);
      return rows.attach(desired);
    },
  };
}

/** Like Promise.all, but when one fails the others have ended too: nothing is under way that a clean-up could miss. */
async function allDone<T extends readonly Promise<unknown>[] | []>(work: T) {
  await Promise.allSettled(work);
  return Promise.all(work);
}

async function addInOrder(networkManager: NetworkManager, profiles: readonly Profile[]): Promise<string[]> {
  const paths: string[] = [];
  for (const profile of profiles) paths.push(await networkManager.addProfile(profile));
  return paths;
}

/** Failures that a second try can mend: a lost race in OVSDB, a device that came and went. */
function isTransient(error: unknown): boolean {
  return isAgentError(error, 'activation-failed') || isAgentError(error, 'bus-call-failed');
}
