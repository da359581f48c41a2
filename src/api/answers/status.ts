// What `GetStatus` answers, as the API says it and the command line reads it.

import { z } from 'zod';

/** What `GetStatus` answers. Only what the exit code depends on is required. */
export const statusSchema = z.looseObject({
  ready: z.boolean(),
  obstacle: z.string().nullish(),
  waiting: z.array(
    z.looseObject({
      port: z.string(),
      bridge: z.string().optional(),
      code: z.string(),
      reason: z.string(),
      attempts: z.number().optional(),
      since: z.string().optional(),
      nextTry: z.string().optional(),
    }),
  ),
  spooled: z.number().default(0),
  /** What the one judgement of health finds (`src/diagnose/health.ts`); `degraded` is worth a line and no fault. */
  health: z
    .array(
      z.looseObject({
        subject: z.string(),
        name: z.string(),
        fault: z.string(),
        text: z.string(),
        remedy: z.string(),
        degraded: z.boolean().default(false),
      }),
    )
    .default([]),
  hostname: z.string().default('this host'),
  pid: z.number().optional(),
  since: z.string().optional(),
  version: z.string().optional(),
  /** Of the error that `obstacle` tells of. */
  obstacle_code: z.string().nullish(),
  /** As configured: `auto`, `networkmanager`, `ovsdb`. */
  driver: z.string().optional(),
  ports: z.number().optional(),
  networkmanager: z
    .looseObject({
      running: z.boolean(),
      silent: z.boolean().nullish(),
      version: z.string().nullish(),
      ovs: z.boolean().nullish(),
    })
    .optional(),
  ovsdb: z.looseObject({ connected: z.boolean() }).optional(),
  docker: z.looseObject({ enabled: z.boolean(), connected: z.boolean() }).optional(),
  netmaker: z
    .looseObject({
      enabled: z.boolean(),
      mode: z.string(),
      pools: z.array(z.string()),
      /** Held by containers and groups. */
      addresses: z.number(),
      /** Whether all of them were taken back. */
      withdrawn: z.boolean().default(false),
      warning: z.string().nullish(),
      problem: z.string().nullish(),
      problem_code: z.string().nullish(),
      /** How many of them the host makes reachable. */
      published: z.number().optional(),
      hints: z.array(z.string()).optional(),
    })
    .optional(),
  configuration: z
    .looseObject({
      /** RFC 3339. */
      read_at: z.string().optional(),
      /** Keys that wait for a restart. */
      restart_for: z.array(z.string()).default([]),
    })
    .optional(),
  proxmox: z.looseObject({ locks_problem: z.string().nullish() }).optional(),
  bridges: z
    .array(
      z.looseObject({
        name: z.string(),
        present: z.boolean(),
        datapath_type: z.string().nullish(),
        owner: z.string().nullish(),
        driver: z.string().nullish(),
        obstacle: z.string().nullish(),
        ports: z.number().optional(),
      }),
    )
    .default([]),
  ledger: z.looseObject({ path: z.string(), height: z.number(), hash: z.string() }).optional(),
});

export type Status = z.infer<typeof statusSchema>;
/** As the agent says it. */
export type StatusDocument = z.input<typeof statusSchema>;
