// The switch driver that works in OVSDB itself, for bridges that NetworkManager does not own.

import { hasKernelDatapath, linkMtu } from '../../kernel/links.ts';
import { pause } from '../../lib/deadline.ts';
import { AgentError, isAgentError } from '../../lib/errors.ts';
import type { Operation, OvsdbClient } from '../../ovsdb/client.ts';
import type { DesiredPort } from '../../plan/desired.ts';
import { isOurBridge, isOurs, type ObservedPort } from '../../plan/observed.ts';
import { externalIdsOf } from '../../plan/owner.ts';
import { isOurPort } from '../../plan/ownership.ts';
import type { BridgeWish, PortOutcome, SwitchDriver } from '../driver.ts';
import { moveInterface } from './move-interface.ts';
import { observePorts } from './observe.ts';
import { insertBridge, insertPort, markPort, removePort } from './port-rows.ts';
import { transactAndSettle, usableOrGone, usablePort } from './usable.ts';

export interface OvsdbDriverParts {
  ovsdb: OvsdbClient;
  bootId: string;
  /** Brings a bridge's own interface up. */
  bringUp: (link: string, wish: Pick<BridgeWish, 'addresses' | 'ipv6'>) => Promise<void>;
}

const NAME = 'ovsdb';
const BRIDGE_MS = 10_000;
const GONE_MS = 5_000;
/** Waits before another try: somebody else's transaction was first, and the replica tells what it changed. */
const RETRY_MS = [20, 100, 300] as const;

export function ovsdbDriver({ ovsdb, bootId, bringUp }: OvsdbDriverParts): SwitchDriver {
  /** Builds the operations from the rows as they are at that moment, and again when somebody else was first. */
  const withRetry = async (work: () => Promise<void>): Promise<number> => {
    for (let attempt = 1; ; attempt++) {
      try {
        await work();
        return attempt;
      } catch (error) {
        const wait = RETRY_MS[attempt - 1];
        if (wait === undefined || !isAgentError(error, 'ovsdb-refused')) throw error;
        await pause(wait);
      }
    }
  };
  /** `undefined` of `build` means that there is nothing to do. */
  const transact = (build: () => Operation[] | undefined): Promise<number> =>
    withRetry(async () => {
      const operations = build();
      if (operations !== undefined) await ovsdb.transact(operations);
    });
  const rowNamed = (row: string) => observePorts(ovsdb.replica).find((port) => port.row === row);

  const move = async (
    desired: DesiredPort,
    from: ObservedPort,
    row: string,
  ): Promise<PortOutcome | 'taken'> => {
    const ids = externalIdsOf(desired, bootId);
    const attempts = await withRetry(async () => {
      const holder = observePorts(ovsdb.replica).find((port) => port.interface === from.interface);
      if (holder === undefined) {
        throw new AgentError('link-missing', `${from.interface} has left the switch`);
      }
      const operations =
        holder.row === row
          ? markPort(holder, ids)
          : moveInterface(ovsdb.replica, { row, from: holder, portIds: ids, interfaceIds: ids });
      await transactAndSettle(ovsdb, operations);
    });
    const ofport = await usableOrGone(ovsdb, row, desired.interface);
    return ofport === 'gone' ? 'taken' : { driver: NAME, ofport, attempts };
  };

  /** The rows that a new port replaces, all of them ours. */
  const formerRows = ({ interface: link }: DesiredPort, row: string): ObservedPort[] => {
    const former = observePorts(ovsdb.replica).filter((port) => port.interface === link || port.row === row);
    const foreign = former.find((port) =>
      port.interface === link ? !isOurs(port.externalIds) : !isOurPort(port),
    );
    if (foreign === undefined) return former;
    throw new AgentError('name-taken', `Somebody else has plugged ${link} as ${foreign.row} meanwhile`);
  };

  const prepare = async (wish: BridgeWish) => {
    const { bridge } = wish;
    await ovsdb.until(`waiting for ${bridge} in OVSDB`, BRIDGE_MS, (replica) =>
      (replica.named('Interface', bridge)?.ofport ?? 0) > 0 ? true : undefined,
    );
    await bringUp(bridge, wish);
  };

  return {
    name: NAME,
    owns: isOurBridge,
    isHeld: (desired, holder) => holder.row === (desired.row ?? desired.port) && isOurPort(holder),
    profiles: async () => [],
    dropProfiles: async () => undefined,

    async createBridge(wish) {
      const { bridge, datapathType: wanted } = wish;
      const type = wanted === 'auto' ? ((await hasKernelDatapath()) ? 'system' : 'netdev') : wanted;
      const ids = { 'ovs-port-agent.boot-id': bootId };
      await transact(() =>
        ovsdb.replica.named('Bridge', bridge) === undefined ? insertBridge(bridge, type, ids) : undefined,
      );
      await prepare(wish);
      return { datapathType: type };
    },

    restoreBridge: prepare,

    async attach(desired) {
      const row = desired.row ?? desired.port;
      const ids = externalIdsOf(desired, bootId);
      const wish = withMtu(desired, await linkMtu(desired.bridge));
      const attempts = await transact(() => {
        const bridge = ovsdb.replica.named('Bridge', desired.bridge);
        if (bridge === undefined) {
          throw new AgentError('bridge-missing', `There is no OVS bridge ${desired.bridge}`);
        }
        return insertPort(wish, bridge.uuid, formerRows(desired, row), ids);
      });
      return { driver: NAME, ofport: await usablePort(ovsdb, row, desired.interface), attempts };
    },

    async adopt(desired, from) {
      const moved = await move(desired, from, desired.port);
      if (moved !== 'taken') return moved;
      // Proxmox was about to change the card, and it was given back in the same moment.
      const row = rowNamed(desired.interface);
      if (row !== undefined && isOurs(row.externalIds)) {
        const ofport = await usablePort(ovsdb, row.row, desired.interface);
        return { driver: NAME, ofport, attempts: 1 };
      }
      throw new AgentError('link-missing', `${desired.interface} has left the switch`);
    },

    handBack: (desired, from) => move(desired, from, desired.row ?? desired.interface),

    async detach(port) {
      await transact(() => {
        const found = rowNamed(port.row);
        return found?.portUuid === port.portUuid ? removePort(found) : undefined;
      });
      await ovsdb.until(`waiting for ${port.row} to leave OVSDB`, GONE_MS, (replica) =>
        replica.rows('Port').has(port.portUuid) ? undefined : true,
      );
    },

    async mark(desired, row) {
      const ids = externalIdsOf(desired, bootId);
      await transact(() => {
        const found = rowNamed(row.row);
        if (found === undefined) throw new AgentError('link-missing', `${row.row} has left the switch`);
        return markPort(found, ids);
      });
    },

    async release(port) {
      await transact(() => {
        const found = rowNamed(port.row);
        return found?.portUuid === port.portUuid ? markPort(found, {}) : undefined;
      });
      return { driver: NAME };
    },
  };
}

/** The bridge's, as Proxmox asks for: the smallest MTU among its ports becomes the bridge's own. */
function withMtu(desired: DesiredPort, bridgeMtu: number | undefined): DesiredPort {
  return bridgeMtu === undefined ? desired : { ...desired, mtu: bridgeMtu };
}
