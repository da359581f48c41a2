// Bridges that we make in OVSDB ourselves, each with an internal interface of its name.

import { hasKernelDatapath } from '../../kernel/links.ts';
import type { BridgeWish } from '../driver.ts';
import { type OvsdbDriverParts, transact } from './parts.ts';
import { insertBridge } from './port-rows.ts';

const BRIDGE_MS = 10_000;

/** As `SwitchDriver.createBridge`. */
export async function createBridge(
  parts: OvsdbDriverParts,
  wish: BridgeWish,
): Promise<{ datapathType: string }> {
  const { ovsdb, bootId } = parts;
  const { bridge, datapathType: wanted } = wish;
  const type = wanted === 'auto' ? ((await hasKernelDatapath()) ? 'system' : 'netdev') : wanted;
  const ids = { 'ovs-port-agent.boot-id': bootId };
  await transact(ovsdb, () =>
    ovsdb.replica.named('Bridge', bridge) === undefined ? insertBridge(bridge, type, ids) : undefined,
  );
  await restoreBridge(parts, wish);
  return { datapathType: type };
}

/** As `SwitchDriver.restoreBridge`. */
export async function restoreBridge({ ovsdb, bringUp }: OvsdbDriverParts, wish: BridgeWish): Promise<void> {
  const { bridge } = wish;
  await ovsdb.until(`waiting for ${bridge} in OVSDB`, BRIDGE_MS, (replica) =>
    (replica.named('Interface', bridge)?.ofport ?? 0) > 0 ? true : undefined,
  );
  await bringUp(bridge, wish);
}
