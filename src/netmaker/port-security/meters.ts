// Rates of a port, as OpenFlow meters.
import type { SecuredPort } from './port.ts';

/**
 * Meters and not OVSDB's `ingress_policing_rate` and `linux-htb`, because meters limit in both directions on both
 * datapaths, and come and go with the flows. Measured on the netdev datapath, OVS 4.0, with 10 Mbit/s set: meters gave
 * 10.1 and 10.4, htb 9.4 towards the guest, and policing nothing (286): it is a tc action also there, and
 * ovs-vswitchd goes on with a warning where the kernel lacks it.
 *
 * A meter has no owner, so ours are those from here on, two for each port of the bridge: the highest is 196094, and
 * the kernel's datapath takes ids up to 200000, the netdev datapath up to 262144.
 */
const FIRST_METER = 65536;

export type Direction = 'in' | 'out';

export interface Meter {
  id: number;
  /** kbit/s, 1 kbit = 1000 bits. */
  rate: number;
  /** kbit. */
  burst: number;
}

export function meterId(ofport: number, direction: Direction): number {
  return FIRST_METER + ofport * 2 + (direction === 'in' ? 0 : 1);
}

/** The limits of a port in OpenFlow's terms; none where the guard has none. */
export function metersOf({ ofport, portSecurity }: SecuredPort): Meter[] {
  const meter = (direction: Direction, rate: number | undefined) =>
    rate === undefined ? [] : [{ id: meterId(ofport, direction), rate, burst: burstOf(rate) }];
  return [...meter('in', portSecurity.rateIn), ...meter('out', portSecurity.rateOut)];
}

/**
 * A policer drops what TCP sends at once: below 80 % of a second's worth TCP does not reach the rate
 * (kube-ovn#927), and one offloaded packet of 64 KiB must fit at any rate.
 */
function burstOf(rate: number): number {
  return Math.max(Math.ceil(rate * 0.8), 640);
}

/** As `ovs-ofctl add-meter` and `mod-meter` take it. */
export function meterText({ id, rate, burst }: Meter): string {
  return `meter=${id},kbps,burst,stats,band=type=drop,rate=${rate},burst_size=${burst}`;
}

/** Ids in the output of `ovs-ofctl dump-meters`. */
export function parseMeterIds(text: string): Set<number> {
  return new Set([...text.matchAll(/^\s*meter=(\d+)\s/gm)].map(([, id]) => Number(id)));
}
