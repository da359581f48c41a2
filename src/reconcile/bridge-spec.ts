// What the configuration wants of a bridge, in the drivers' words.

import type { Config } from '../core/config/config.ts';
import type { BridgeSpec } from '../core/drivers/driver.ts';

/** Undefined for a bridge that the configuration does not name. */
export function bridgeSpec(
  { bridges, netmaker }: Pick<Config, 'bridges' | 'netmaker'>,
  bridge: string,
): BridgeSpec | undefined {
  const configured = bridges[bridge];
  if (configured === undefined) return undefined;
  const { datapath_type: datapathType, addresses } = configured;
  const pools = netmaker.enabled && netmaker.bridge === bridge ? netmaker.pools : [];
  return {
    bridge,
    datapathType,
    addresses,
    ipv6: [...addresses, ...pools].some((text) => text.includes(':')),
  };
}
