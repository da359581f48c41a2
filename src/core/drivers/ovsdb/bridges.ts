// Bridges that we make in OVSDB ourselves, each with an internal interface of its name.

import { hasKernelDatapath } from '../../kernel/links.ts';
import type { BridgeSpec } from '../driver.ts';
import { type OvsdbDriverParts, transact } from './parts.ts';
import { insertBridge } from './port-rows.ts';

const BRIDGE_MS = 10_000;

/** As `SwitchDriver.createBridge`. */
export async function createBridge(
  parts: OvsdbDriverParts,
  spec: BridgeSpec,
): Promise<{ datapathType: string }> {
  const { ovsdb, bootId } = parts;
  const { bridge, datapathType: desired } = spec;
  const type = desired === 'auto' ? ((await hasKernelDatapath()) ? 'system' : 'netdev') : desired;
  const ids = { 'ovs-port-agent.boot-id': bootId };
  await transact(ovsdb, () =>
    ovsdb.replica.named('Bridge', bridge) === undefined ? insertBridge(bridge, type, ids) : undefined,
  );
  await restoreBridge(parts, spec);
  return { datapathType: type };
}

/** As `SwitchDriver.restoreBridge`. */
export async function restoreBridge({ ovsdb, bringUp }: OvsdbDriverParts, spec: BridgeSpec): Promise<void> {
  const { bridge } = spec;
  await ovsdb.until(`waiting for ${bridge} in OVSDB`, BRIDGE_MS, (replica) =>
    (replica.named('Interface', bridge)?.ofport ?? 0) > 0 ? true : undefined,
  );
  await bringUp(bridge, spec);
}
