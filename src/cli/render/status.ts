// The agent's status as a short text, and whether all is well; pure.

import { z } from 'zod';
import { printable } from '../printable.ts';
import type { ExitCode } from '../terminal.ts';
import { cells, pad, table } from './table.ts';
import { localTime, sameTimes, untilText } from './time.ts';

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
      hints: z.array(z.string()).optional(),
    })
    .optional(),
  configuration: z.looseObject({ restart_for: z.array(z.string()).default([]) }).optional(),
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

/** 1 when the agent is not ready, or a port or an event waits. */
export function statusExitCode(status: Status): ExitCode {
  const isWell = status.health.every(({ degraded }) => degraded);
  return status.ready && isWell && status.waiting.length === 0 && status.spooled === 0 ? 0 : 1;
}

/** `configProblem`: what is wrong with the configuration file now, which the agent would meet at its next start. */
export function statusText(status: Status, now: Date, configProblem?: string): string[] {
  const { hostname, pid, since, obstacle } = status;
  const state = status.ready ? 'ready' : `NOT READY: ${obstacle || 'the reason is not known'}`;
  const process = [
    ...(pid === undefined ? [] : [`pid ${pid}`]),
    ...(since === undefined ? [] : [`up since ${localTime(since)}`]),
  ];
  return [
    printable(`${hostname}: ${state}${process.length > 0 ? ` (${process.join(', ')})` : ''}`),
    ...facts(status, configProblem),
    ...waiting(status, now),
    ...wrong(status),
  ];
}

function facts(status: Status, configProblem: string | undefined): string[] {
  const { networkmanager: nm, ovsdb, docker, ledger, ports, proxmox } = status;
  const rows: [string, string][] = [];
  const isSilent = status.health.some(({ fault }) => fault === 'vswitchd-unreachable');
  const reached = isSilent ? 'connected, but ovs-vswitchd does NOT answer' : 'connected';
  if (ovsdb) rows.push(['Open vSwitch', ovsdb.connected ? reached : 'NOT connected']);
  if (nm) {
    const version = nm.version ? ` ${nm.version}` : '';
    const plugin = nm.ovs ? 'with OVS' : 'without OVS';
    const away = nm.silent ? 'does NOT answer' : 'not running';
    rows.push(['NetworkManager', nm.running ? `running${version}, ${plugin}` : away]);
  }
  if (docker) {
    rows.push(['Docker', docker.enabled ? (docker.connected ? 'connected' : 'not connected') : 'disabled']);
  }
  for (const [index, line] of netmakerLines(status).entries())
    rows.push([index === 0 ? 'Netmaker' : '', line]);
  if (proxmox?.locks_problem) {
    const effect = "containers' ports keep Proxmox's names";
    rows.push(['Proxmox', `changes NOT SEEN in time, so ${effect}: ${proxmox.locks_problem}`]);
  }
  for (const [index, line] of bridgeLines(status).entries()) rows.push([index === 0 ? 'bridges' : '', line]);
  if (ports !== undefined) rows.push(['ports', `${ports} (ovs-port-agent list)`]);
  for (const line of configLines(status, configProblem)) rows.push(['configuration', line]);
  if (ledger) rows.push(['ledger', `height ${ledger.height}, ${ledger.hash.slice(0, 16)}…, ${ledger.path}`]);
  const width = Math.max(0, ...rows.map(([name]) => cells(name)));
  return rows.map(([name, value]) => `  ${pad(name, width)}  ${printable(value)}`);
}

/** Nothing while the file is what is in force. */
function configLines({ configuration }: Status, problem: string | undefined): string[] {
  if (problem !== undefined) return [`HAS AN ERROR, the agent goes on with what it had: ${problem}`];
  const { restart_for: waiting = [] } = configuration ?? {};
  return waiting.length === 0 ? [] : [`restart for: ${waiting.join(', ')}`];
}

/** Nothing while there is nothing to tell: most hosts have no such container. */
function netmakerLines({ netmaker }: Status): string[] {
  if (netmaker === undefined || !netmaker.enabled) return [];
  const { mode, pools, addresses, withdrawn, warning, problem, hints = [] } = netmaker;
  if (withdrawn) return ['all public addresses are taken back, until the agent is started anew'];
  if (addresses === 0 && !problem) return [];
  return [
    `${mode}, ${addresses} public ${addresses === 1 ? 'address' : 'addresses'} from ${pools.join(', ')}`,
    ...(warning ? [`WARNING: ${warning}`] : []),
    ...(problem ? [`NO GATEWAY: ${problem}`] : []),
    ...hints.map((hint) => `NOT REACHABLE: ${hint}`),
  ];
}

function bridgeLines({ bridges }: Status): string[] {
  return table(
    bridges.map(({ name, present, owner, driver, obstacle, datapath_type: datapath, ports = 0 }) =>
      present
        ? [
            name,
            `${ports} ${ports === 1 ? 'port' : 'ports'}`,
            `datapath ${datapath || 'system'}`,
            `owner ${owner ?? '-'}`,
            ...(driver === undefined
              ? []
              : [driver === null ? `NO DRIVER: ${obstacle}` : `driver ${driver}`]),
          ]
        : [name, `MISSING${obstacle ? `: ${obstacle}` : ''}`],
    ),
  );
}

/** What waits is told with its next try, so not again here. */
function wrong({ health, waiting }: Status): string[] {
  const waits = new Set(waiting.map(({ port }) => port));
  return faultLines(health.filter(({ subject, name }) => subject !== 'port' || !waits.has(name)));
}

/** A line for what is wrong, and under it what to do. */
export function faultLines(faults: Status['health']): string[] {
  return faults.flatMap(({ name, text, remedy, degraded }) => [
    printable(`${degraded ? 'Note' : 'Wrong'}: ${name ? `${name}: ` : ''}${text}`),
    printable(`  ${remedy}`),
  ]);
}

function waiting({ waiting, spooled }: Status, now: Date): string[] {
  const time = sameTimes(
    waiting.flatMap(({ since }) => since ?? []),
    now,
  );
  const lines = waiting.map(({ port, bridge, reason, code, attempts, since, nextTry }) => {
    const where = bridge ? ` on ${bridge}` : '';
    const tries = [
      ...(attempts === undefined ? [] : [`${attempts} ${attempts === 1 ? 'try' : 'tries'}`]),
      ...(since === undefined ? [] : [`since ${time(since)}`]),
      ...(nextTry === undefined ? [] : [`next ${untilText(nextTry, now)}`]),
    ].join(', ');
    return `  ${port}${where}: ${reason} [${code}]${tries ? ` (${tries})` : ''}`;
  });
  if (spooled > 0) lines.push(`  ${spooled} ${spooled === 1 ? 'event' : 'events'} in the spool`);
  return lines.length === 0 ? ['Nothing waits.'] : ['Waiting:', ...lines.map(printable)];
}

/** Whether a line of `statusText` says that something is wrong. */
export function isBad(line: string): boolean {
  return /\bNOT (?:READY|connected)\b|\bMISSING\b|\bNO (?:GATEWAY|DRIVER)\b|\bHAS AN ERROR\b|^Waiting:|^ {2}\S.* \[[a-z-]+\]/.test(
    line,
  );
}
