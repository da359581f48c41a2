// The numbers that our OpenFlow rules are made of: tables, priorities, cookies, zone.

/**
 * A frame of a secured port goes through these; one that does not come from or go to a secured port meets table 0
 * only. Number 254 is Open vSwitch's own.
 */
export const TABLE = { admission: 0, source: 210, towards: 211, allow: 212, mark: 213 } as const;

/** Upper half of our cookies, `opag` in ASCII; the lower half is the VMID, or 0 for what belongs to the bridge. */
const COOKIE_MAGIC = 0x6f706167n;

/** Matches every flow of ours. */
export const OUR_COOKIES = `${hex(COOKIE_MAGIC << 32n)}/0xffffffff00000000`;

/** The cookie of a port's flows; VMID 0 stands for the bridge. */
export function cookieOf(vmid: number): string {
  return hex((COOKIE_MAGIC << 32n) | BigInt(vmid));
}

/** The VMID that a cookie names, 0 for the bridge's; undefined when it is not ours. */
export function vmidOfCookie(cookie: string): number | undefined {
  const value = BigInt(cookie);
  return value >> 32n === COOKIE_MAGIC ? Number(value & 0xffffffffn) : undefined;
}

/** Connection tracking zone of what guests open towards each other. Zone 0 is the host's own firewall. */
export const ZONE = 0x6f70;

/** What a dropped frame counts as; `other` is a VLAN tag or a protocol that is neither ARP nor IP. */
export type Spoof = 'mac' | 'arp' | 'nd' | 'ipv4' | 'ipv6' | 'other';
export type DropKind = Spoof | 'refused';

/** Priorities of table 0. Below 50000 is left to rules of others. */
export const ADMIT = {
  own: 60000,
  ownTagged: 59900,
  ownOther: 59800,
  fromHost: 59700,
  asMac: 59600,
  asArp: 59590,
  asNd: 59580,
  fromUplinkMulticast: 59510,
  fromUplink: 59500,
  fromOthers: 59400,
  hostMulticast: 59300,
} as const;

export const SOURCE = {
  ndInvalid: 310,
  nd: 300,
  ndDrop: 290,
  arp: 200,
  arpDrop: 190,
  ip: 100,
  ipDrop: 90,
  other: 10,
} as const;

export const TOWARDS = {
  isolatedIp: 210,
  isolated: 200,
  multicastNd: 190,
  multicastIp: 180,
  nd: 130,
  ip: 120,
  any: 110,
  refused: 100,
  outsideIp: 20,
  outside: 10,
} as const;

export const ALLOW = {
  isolatedNew: 150,
  isolated: 140,
  established: 100,
  related: 99,
  opened: 90,
  refused: 80,
  outsideNew: 50,
  outside: 40,
} as const;

const key = (table: number, priority: number) => `${table}/${priority}`;

/** What the frames count as that a flow at this place dropped. IPv6 has a priority of its own, one below IPv4's. */
const DROPS: ReadonlyMap<string, DropKind> = new Map<string, DropKind>([
  [key(TABLE.admission, ADMIT.ownTagged), 'other'],
  [key(TABLE.admission, ADMIT.ownOther), 'mac'],
  [key(TABLE.admission, ADMIT.asMac), 'mac'],
  [key(TABLE.admission, ADMIT.asArp), 'arp'],
  [key(TABLE.admission, ADMIT.asNd), 'nd'],
  [key(TABLE.source, SOURCE.ndInvalid), 'nd'],
  [key(TABLE.source, SOURCE.ndDrop), 'nd'],
  [key(TABLE.source, SOURCE.arpDrop), 'arp'],
  [key(TABLE.source, SOURCE.ipDrop), 'ipv4'],
  [key(TABLE.source, SOURCE.ipDrop - 1), 'ipv6'],
  [key(TABLE.source, SOURCE.other), 'other'],
  [key(TABLE.admission, ADMIT.fromUplinkMulticast), 'refused'],
  [key(TABLE.towards, TOWARDS.refused), 'refused'],
  [key(TABLE.allow, ALLOW.refused), 'refused'],
]);

/** What a dropping flow counts; undefined for a flow that lets frames pass. */
export function dropKind(table: number, priority: number, actions: string): DropKind | undefined {
  if (actions !== 'drop') return undefined;
  // The one place where other unguarded ports are refused or only metered, as the port wants.
  if (table === TABLE.admission && priority === ADMIT.fromOthers) return 'refused';
  return DROPS.get(key(table, priority));
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
