// A host as data, for deciding about.
import type { Observed } from '../../../../src/netmaker/gateway/observed.ts';
import type { GatewaySpec } from '../../../../src/netmaker/gateway/spec.ts';
import type { HostLink } from '../../../../src/netmaker/gateway/uplink.ts';
import type { Pool } from '../../../../src/netmaker/types.ts';

export const link = (index: number, addresses: string[] = [], more: Partial<HostLink> = {}): HostLink => ({
  index,
  up: true,
  enslaved: false,
  addresses,
  ...more,
});

export const pool4: Pool = { family: 4, subnet: '203.0.113.0/24', gateway: '203.0.113.1', prefix: 24 };
export const pool6: Pool = { family: 6, subnet: '2001:db8:7::/64', gateway: '2001:db8:7::1', prefix: 64 };

export const spec = (more: Partial<GatewaySpec> = {}): GatewaySpec => ({
  mode: 'routed',
  bridge: 'ovsbr1',
  pools: [pool4],
  published: [{ port: 'vi100', address: '203.0.113.10', allowIn: ['icmp', '51821-51830/udp'] }],
  uplink: 'auto',
  onLink: 'auto',
  isolate: false,
  hostServices: ['all'],
  reserved: [],
  dockerBridges: [],
  ...more,
});

const settings4 = (device: string) => ({
  [`net/ipv4/conf/${device}/forwarding`]: '0',
  [`net/ipv4/conf/${device}/rp_filter`]: '0',
});
const settings6 = (device: string) => ({
  [`net/ipv6/conf/${device}/forwarding`]: '0',
  [`net/ipv6/conf/${device}/accept_ra`]: '1',
  [`net/ipv6/conf/${device}/disable_ipv6`]: '0',
});

/** Uplink eno1 with 192.0.2.10/24 and two default routes, the bridge without addresses, all settings at their defaults. */
export function host({
  links = {},
  sysctls = {},
  ...more
}: Partial<Omit<Observed, 'links' | 'sysctls'>> & {
  links?: Record<string, HostLink>;
  sysctls?: Record<string, string>;
} = {}): Observed {
  return {
    links: new Map(
      Object.entries({
        lo: link(1, ['127.0.0.1/8']),
        eno1: link(2, ['192.0.2.10/24', '2001:db8::10/64']),
        ovsbr1: link(7),
        ...links,
      }),
    ),
    defaults: [
      { family: 'inet', device: 'eno1', gateway: '192.0.2.1', metric: 100 },
      { family: 'inet6', device: 'eno1', gateway: 'fe80::1', metric: 100 },
    ],
    policyRules: { 4: [{ table: 255 }, { table: 254 }, { table: 253 }], 6: [{ table: 255 }, { table: 254 }] },
    present: new Set(),
    sysctls: new Map(
      Object.entries({
        ...Object.assign({}, ...['all', 'eno1', 'ovsbr1'].map(settings4)),
        ...Object.assign({}, ...['all', 'default', 'lo', 'eno1', 'ovsbr1'].map(settings6)),
        ...sysctls,
      }),
    ),
    table: undefined,
    dockerUser: { 4: false, 6: false },
    obstacles: [],
    ...more,
  };
}
