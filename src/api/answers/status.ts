// What `GetStatus` answers, as the API says it and the command line reads it. Descriptions are the tables of docs/dbus.md.

import { z } from 'zod';
import { DRIVER_WORDS } from './words.ts';

const waitingSchema = z.looseObject({
  port: z.string().describe('name of the port, or what else is tried again'),
  bridge: z.string().optional().describe('name of the bridge'),
  code: z.string().describe('[code](errors.md) of what is in the way'),
  reason: z.string().describe('what is in the way'),
  attempts: z.number().optional().describe('how many tries there were'),
  since: z.string().optional().describe('when the first try failed, RFC 3339'),
  nextTry: z.string().optional().describe('when it is tried again, RFC 3339'),
});

/** What the one judgement of health finds (`src/diagnose/health.ts`). */
const healthSchema = z.looseObject({
  subject: z.string().describe('`host`, `bridge` or `port`'),
  name: z.string().describe('name of the bridge or port; empty for the host'),
  fault: z.string().describe('one word for what is wrong, the same for the same fault'),
  text: z.string().describe('what is wrong, for people'),
  remedy: z.string().describe('what to do'),
  degraded: z
    .boolean()
    .default(false)
    .describe('`true` where all works, but not as well as it should; missing: `false`'),
});

const netmakerSchema = z.looseObject({
  enabled: z.boolean().describe("whether Netmaker's containers get ports at all"),
  mode: z.string().describe('`routed`, `l2` or `nat1to1`'),
  pools: z.array(z.string()).describe('the pools of the configuration'),
  addresses: z.number().describe('how many addresses containers and groups hold'),
  withdrawn: z.boolean().default(false).describe('whether all of them were taken back'),
  warning: z.string().nullish().describe('why nothing outside of this host can reach a pool'),
  problem: z.string().nullish().describe('what keeps the host from being the gateway'),
  problem_code: z.string().nullish().describe('[code](errors.md) of `problem`'),
  published: z.number().optional().describe('how many of them the host makes reachable'),
  hints: z
    .array(z.string())
    .optional()
    .describe('what keeps them from being reached although the host is the gateway, one line each'),
});

const bridgeSchema = z.looseObject({
  name: z.string().describe('name of the bridge'),
  present: z.boolean().describe('whether Open vSwitch has it'),
  datapath_type: z
    .string()
    .nullish()
    .describe('`system` (kernel) or `netdev` (user space); `null` or empty: not said'),
  owner: z
    .string()
    .nullish()
    .describe('who makes it anew after a boot: `networkmanager`, `ovs-port-agent`, `ifupdown`, `other`'),
  driver: z
    .string()
    .nullish()
    .describe(`who changes its ports: ${DRIVER_WORDS}; \`null\`: nobody can, for \`obstacle\``),
  obstacle: z.string().nullish().describe('why nobody can change its ports'),
  ports: z.number().optional().describe("how many guests' ports it has"),
});

/** What `GetStatus` answers. Only what the exit code depends on is required. */
export const statusSchema = z.looseObject({
  ready: z.boolean().describe('whether the agent can do its work'),
  obstacle: z.string().nullish().describe('what keeps it from that'),
  waiting: z.array(waitingSchema).describe('what could not be done yet and is tried again'),
  spooled: z.number().default(0).describe('how many events wait in the spool'),
  health: z.array(healthSchema).default([]).describe('everything that is wrong now; empty when nothing is'),
  hostname: z.string().default('this host').describe('name of the host'),
  pid: z.number().optional().describe("the agent's process"),
  since: z.string().optional().describe('when the agent started, RFC 3339'),
  version: z.string().optional().describe('version of the agent'),
  obstacle_code: z.string().nullish().describe('[code](errors.md) of `obstacle`'),
  driver: z.string().optional().describe(`as configured: \`auto\`, ${DRIVER_WORDS}`),
  ports: z.number().optional().describe('how many ports running guests have'),
  networkmanager: z
    .looseObject({
      running: z.boolean().describe('whether it is on the bus and answers'),
      silent: z.boolean().nullish().describe('whether it is on the bus and does not answer'),
      version: z.string().nullish().describe('its version'),
      ovs: z.boolean().nullish().describe('whether it has its plugin for Open vSwitch'),
    })
    .optional()
    .describe('NetworkManager'),
  ovsdb: z
    .looseObject({ connected: z.boolean().describe('whether the agent is connected to it') })
    .optional()
    .describe("Open vSwitch's database"),
  docker: z
    .looseObject({
      enabled: z.boolean().describe('the key `docker.enabled`'),
      connected: z.boolean().describe('whether the agent hears its events'),
    })
    .optional()
    .describe('Docker'),
  netmaker: netmakerSchema.optional().describe("Netmaker's containers"),
  configuration: z
    .looseObject({
      read_at: z.string().optional().describe('when it was read, RFC 3339'),
      restart_for: z.array(z.string()).default([]).describe('keys whose change waits for a restart'),
    })
    .optional()
    .describe('the configuration that is in force'),
  proxmox: z
    .looseObject({
      locks_problem: z
        .string()
        .nullish()
        .describe("why Proxmox's changes of running containers are not seen in time; `null`: they are"),
    })
    .optional()
    .describe('Proxmox'),
  bridges: z
    .array(bridgeSchema)
    .default([])
    .describe('the bridges of the configuration and those that ports are on'),
  ledger: z
    .looseObject({
      path: z.string().describe('path of the file'),
      height: z.number().describe('number of the last block'),
      hash: z.string().describe('hash of the last block'),
      checkpoint: z
        .looseObject({
          origin: z.string().nullable().describe('name of the ledger in its checkpoints'),
          epoch: z.number().nullable().describe('how many names it has had, this one included'),
          key: z.string().nullable().describe('public key that checks the checkpoints'),
          size: z.number().nullable().describe('blocks that the newest one covers'),
          at: z.string().nullable().describe('when that was signed, RFC 3339'),
          problem: z.string().nullable().describe('why there is no newer one'),
        })
        .optional()
        .describe('the newest signed [checkpoint](ledger.md#checkpoints)'),
    })
    .optional()
    .describe('where the ledger stands'),
});

export type Status = z.infer<typeof statusSchema>;
/** As the agent says it. */
export type StatusDocument = z.input<typeof statusSchema>;
