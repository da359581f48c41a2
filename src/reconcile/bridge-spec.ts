// What the configuration wants of a bridge, in the drivers' words.

import type { Config } from '../core/config/config.ts';
import type { BridgeWish } from '../core/drivers/driver.ts';

/** Undefined for a bridge that the configuration does not name. */
export function bridgeWish(
  { bridges, netmaker }: Pick<Config, 'bridges' | 'netmaker'>,
  bridge: string,
): BridgeWish | undefined {
  const wish = bridges[bridge];
  if (wish === undefined) return undefined;
  const { datapath_type: datapathType, addresses } = wish;
  const pools = netmaker.enabled && netmaker.bridge === bridge ? netmaker.pools : [];
  return {
    bridge,
    datapathType,
    addresses,
    ipv6: [...addresses, ...pools].some((text) => text.includes(':')),
  };
}
