// With mode `l2` nobody forwards for containers: without the uplink in the bridge they reach each other and nobody else.

import { observePorts } from '../core/drivers/ovsdb/observe.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import type { PendingRetries } from '../state/pending-retries.ts';

/** Stands among the pending retries where others have the name of their port. */
export const UPLINK_RETRY = 'uplink';

interface UplinkParts {
  config: { readonly netmaker: { readonly bridge: string } };
  ovsdb: OvsdbClient;
  pendingRetries: PendingRetries;
  /** The device that mode `l2` has in the bridge; undefined in other modes. */
  uplink: string | undefined;
  ports: readonly DesiredPort[];
}

/** Notes a trouble, or clears it. */
export function checkUplink({ config, ovsdb, pendingRetries, uplink, ports }: UplinkParts): void {
  if (uplink === undefined) return;
  const { bridge: name } = config.netmaker;
  const isNeeded = ports.some(({ portSecurity, bridge }) => portSecurity !== undefined && bridge === name);
  const isPlugged = observePorts(ovsdb.replica).some(
    (port) => port.interface === uplink && port.bridge === name,
  );
  if (!isNeeded || isPlugged) {
    pendingRetries.clear(UPLINK_RETRY);
    return;
  }
  const reason = `the uplink ${uplink} is not a port of ${name}`;
  pendingRetries.note({ port: UPLINK_RETRY, bridge: name, code: 'uplink-not-plugged', reason });
}
