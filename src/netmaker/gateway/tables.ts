// The nftables tables of our own.

export const TABLE = { family: 'inet', name: 'ovs_port_agent' } as const;

/** ARP has a family of its own. */
export const ARP_TABLE = { family: 'arp', name: TABLE.name } as const;
