// What the methods about Netmaker's containers answer; the list of containers has its shape where it is made.

import { z } from 'zod';

export { netmakerReportSchema } from '../../netmaker/report.ts';

/** `ListNetmakerLeases`. */
export const leasesSchema = z.array(
  z.looseObject({
    address: z.string(),
    family: z.union([z.literal(4), z.literal(6)]).optional(),
    name: z.string(),
    /** Container id, or `group:NAME`. */
    key: z.string(),
    state: z.string(),
    /** RFC 3339. */
    since: z.string(),
    /** End of the cool-down. */
    until: z.string().nullable(),
    static: z.boolean(),
  }),
);

export type LeaseLine = z.infer<typeof leasesSchema>[number];

/** `AttestNetmaker`: one element for each container and address family. */
export const attestationsSchema = z.array(
  z.looseObject({
    container: z.string(),
    addresses: z.array(z.string()),
    verdict: z.enum(['public', 'unproven', 'behind_nat', 'unreachable', 'no-address']),
    mapped: z.string().nullable(),
    local: z.string().nullable(),
    server: z.string().nullable(),
    reason: z.string(),
    rtt_ms: z.number().nullable(),
  }),
);

export type AttestationRow = z.infer<typeof attestationsSchema>[number];

const count = z.number().nullable();

/** `GetNetmakerStatus`. */
export const netmakerStatusSchema = z.looseObject({
  enabled: z.boolean(),
  mode: z.string(),
  bridge: z.string(),
  pools: z.array(z.looseObject({ subnet: z.string(), gateway: z.string(), prefix: z.number() })),
  warning: z.string().nullable(),
  /** How many containers and groups have addresses. */
  leases: z.number(),
  isolate: z.boolean(),
  allow_in: z.array(z.string()),
  gateway: z.looseObject({
    published: z.array(z.string()),
    problem: z.string().nullable(),
    problem_code: z.string().nullable(),
    /** Packets; null while nothing is published, or when the counters cannot be read. */
    refused: count,
    refused_by_host: count,
    spoofed: count,
  }),
  responder: z.array(z.string()),
});

export type NetmakerStatus = z.infer<typeof netmakerStatusSchema>;
