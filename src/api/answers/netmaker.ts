// What the methods about Netmaker's containers answer; the list of containers has its shape where it is made. Descriptions are
// the tables of docs/dbus.md.

import { z } from 'zod';

export { netmakerReportSchema } from '../../netmaker/report.ts';

/** `ListNetmakerLeases`. */
export const leasesSchema = z.array(
  z.looseObject({
    address: z.string().describe('the address, without prefix length'),
    family: z
      .union([z.literal(4), z.literal(6)])
      .optional()
      .describe('IP version'),
    name: z.string().describe("the container's name, or the group's"),
    key: z.string().describe("the container's whole id, or `group:NAME`"),
    state: z
      .string()
      .describe(
        '`held`; `cooling`: for its name only, until the cool-down ends; `free again`: for others when nothing else is free',
      ),
    since: z.string().describe('when the state began, RFC 3339'),
    until: z.string().nullable().describe('end of the cool-down, RFC 3339; else `null`'),
    static: z.boolean().describe('whether a label asked for it'),
  }),
);

export type LeaseLine = z.infer<typeof leasesSchema>[number];

/** `AttestNetmaker`: one element for each container and address family. */
export const attestationsSchema = z.array(
  z.looseObject({
    container: z.string().describe("the container's name"),
    addresses: z.array(z.string()).describe('the addresses that it was given'),
    verdict: z
      .enum(['public', 'unproven', 'behind_nat', 'unreachable', 'no-address'])
      .describe('what was [found](netmaker.md#attest)'),
    mapped: z.string().nullable().describe('the address that the server saw'),
    local: z.string().nullable().describe('the address that the container sent from'),
    server: z
      .string()
      .nullable()
      .describe('the `ADDRESS:PORT` that was asked; `null` when there was none to ask'),
    reason: z.string().describe('why that verdict'),
    rtt_ms: z.number().nullable().describe('how long the answer took, in milliseconds'),
  }),
);

export type AttestationRow = z.infer<typeof attestationsSchema>[number];

const count = z.number().nullable();
const UNCOUNTED = '; `null` while nothing is published, or when the counters cannot be read';

/** `GetNetmakerStatus`. */
export const netmakerStatusSchema = z.looseObject({
  enabled: z.boolean().describe("whether Netmaker's containers get ports at all"),
  mode: z.string().describe('`routed`, `l2` or `nat1to1`'),
  bridge: z.string().describe('the bridge that they are put on'),
  pools: z
    .array(
      z.looseObject({
        subnet: z.string().describe('the pool, `ADDRESS/LENGTH`'),
        gateway: z.string().describe('the gateway that containers get'),
        prefix: z.number().describe('the prefix length that containers get'),
      }),
    )
    .describe('the pools of the configuration'),
  warning: z.string().nullable().describe('why nothing outside of this host can reach a pool'),
  leases: z.number().describe('how many containers and groups have addresses'),
  isolate: z.boolean().describe('the key `netmaker.isolate`'),
  allow_in: z.array(z.string()).describe('the key `netmaker.allow_in`'),
  gateway: z
    .looseObject({
      published: z.array(z.string()).describe('the addresses that the host forwards for'),
      problem: z.string().nullable().describe('what keeps the host from that'),
      problem_code: z.string().nullable().describe('[code](errors.md) of `problem`'),
      refused: count.describe(`packets from elsewhere that \`allow_in\` does not name${UNCOUNTED}`),
      refused_by_host: count.describe(`packets to the host that \`host_services\` does not name${UNCOUNTED}`),
      spoofed: count.describe(
        `packets with a source address of a container, or a free one of a pool, from [where it cannot be](netmaker.md#port-security)${UNCOUNTED}`,
      ),
    })
    .describe('what the host does for them'),
  responder: z.array(z.string()).describe('where the responder listens; empty while it is off'),
});

export type NetmakerStatus = z.infer<typeof netmakerStatusSchema>;
