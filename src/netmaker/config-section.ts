// The section [netmaker] of the configuration: every key, what it accepts and its default.

import * as z from 'zod';
import { isUnicast, parseCidr, parseIp } from '../core/lib/cidr.ts';
import type { DeepReadonly } from '../core/lib/deep-readonly.ts';
import { kernelNameProblem } from '../core/lib/device-name.ts';
import { bridgeName, checkedText, flag, list, oneOf, table, whole } from '../core/lib/fields.ts';
import { quoted } from '../core/lib/quoted.ts';
import { serviceRuleProblem } from '../core/plan/service-rules.ts';
import {
  gatewayProblems,
  insideProblem,
  overlapProblems,
  poolProblem,
  reservedProblem,
} from './address/pool-problems.ts';
import { type DetectionSettings, patternProblem } from './detection/patterns.ts';
import { parseStunServer } from './stun/server.ts';

const RATE_MAX = 100_000_000;

/** `bridge` is filled in by `parseConfig`; lists of addresses are canonical texts. */
export const netmakerSchema = table({
  enabled: flag(true),
  mode: oneOf('routed', 'l2', 'nat1to1').default('routed'),
  bridge: bridgeName().optional(),
  pools: list(subnet(poolProblem), 'must be a list of networks such as ["203.0.113.0/24"]').default([
    '203.0.113.0/24',
  ]),
  gateways: list(
    z.string({ error: 'must be an address' }).transform((text, context) => {
      const address = parseIp(text);
      if (address === undefined || !isUnicast(address)) {
        context.addIssue(`must be a unicast address without prefix length, not ${quoted(text, 60)}`);
      }
      return address?.text ?? z.NEVER;
    }),
    'must be a list of addresses such as ["203.0.113.1"]',
  ).default([]),
  reserved: list(
    checkedText('must be an address, a range or a network', reservedProblem),
    'must be a list such as ["203.0.113.9", "203.0.113.20-203.0.113.29", "203.0.113.128/25"]',
  ).default([]),
  cooldown: whole(0, 31_536_000, 'seconds', 300),
  misses: whole(1, 1000, 'looks', 3),
  uplink: checkedText('must be "auto" or an interface name', (text) =>
    text === 'auto' ? undefined : kernelNameProblem(text),
  ).default('auto'),
  on_link: z
    .union([z.boolean(), z.literal('auto')], { error: 'must be true, false or "auto"' })
    .default('auto'),
  inside: subnet(insideProblem).default('10.218.0.0/16'),
  isolate: flag(false),
  allow_in: services().default(['icmp', '51821-51830/udp', '51821-51830/tcp', '443/udp']),
  host_services: services().default(['all']),
  rate_in: whole(0, RATE_MAX, 'kbit/s', 0),
  rate_out: whole(0, RATE_MAX, 'kbit/s', 0),
  images: patterns('images', '["registry.example/netclient"]'),
  names: patterns('names', '["mesh-*", "!netclient*"]'),
  deny: patterns('deny', '["sidecar", "!db"]'),
  watch_interval: whole(1, 86_400, 'seconds', 10),
  responder: flag(false),
  responder_stun_port: port(3478),
  responder_http_port: port(8090),
  stun_server: checkedText('must be "HOST:PORT" or ""', stunServerProblem).default(''),
}).superRefine(({ pools, gateways, reserved, inside, mode }, context) => {
  const problems = [
    ...overlapProblems(pools, mode === 'nat1to1' ? inside : undefined),
    ...gatewayProblems(pools, gateways),
    ...reserved.flatMap((text, i) => {
      const message = reservedProblem(text, pools);
      return message === undefined ? [] : [{ path: ['reserved', i], message }];
    }),
  ];
  for (const { path, message } of problems) context.addIssue({ code: 'custom', path: [...path], message });
});

export type NetmakerSection = DeepReadonly<
  Omit<z.infer<typeof netmakerSchema>, 'bridge'> & { bridge: string }
>;

function subnet(problemOf: (text: string) => string | undefined) {
  return z.string({ error: 'must be a network such as "203.0.113.0/24"' }).transform((text, context) => {
    const problem = problemOf(text);
    if (problem !== undefined) context.addIssue(problem);
    return parseCidr(text)?.text ?? z.NEVER;
  });
}

function services() {
  return list(
    checkedText('must be a text such as "51821/udp"', serviceRuleProblem),
    'must be a list such as ["icmp", "51821-51830/udp"] or ["all"]',
  );
}

function patterns(kind: keyof DetectionSettings, example: string) {
  return list(
    checkedText('must be a text', (text) => patternProblem(kind, text)),
    `must be a list of patterns such as ${example}`,
  ).default([]);
}

function port(byDefault: number) {
  const error = 'must be a port number from 1 to 65535';
  return z.int({ error }).min(1, { error }).max(65_535, { error }).default(byDefault);
}

function stunServerProblem(text: string): string | undefined {
  if (text === '') return undefined;
  try {
    parseStunServer(text);
    return undefined;
  } catch {
    return `must be HOST:PORT such as "stun.example:3478" or "[2001:db8::1]:3478", or "" for the agent's own, not ${quoted(text, 60)}`;
  }
}
