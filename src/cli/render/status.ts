// The agent's status as a short text, and whether all is well; pure.

import type { Status } from '../../api/answers/status.ts';
import { printable } from '../printable.ts';
import type { ExitCode } from '../terminal.ts';
import { cells, pad, table } from './table.ts';
import { localTime, sameTimes, untilText } from './time.ts';

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
  if (ledger?.checkpoint) rows.push(['', checkpointLine(ledger.checkpoint)]);
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
  const { mode, pools, addresses, withdrawn, warning, problem } = netmaker;
  if (withdrawn) return ['all public addresses are taken back, until the agent is started anew'];
  if (addresses === 0 && !problem) return [];
  return [
    `${mode}, ${addresses} public ${addresses === 1 ? 'address' : 'addresses'} from ${pools.join(', ')}`,
    ...(warning ? [`WARNING: ${warning}`] : []),
    ...(problem ? [`NO GATEWAY: ${problem}`] : []),
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

function checkpointLine({
  origin,
  size,
  at,
  problem,
}: NonNullable<NonNullable<Status['ledger']>['checkpoint']>) {
  if (problem !== null) return `NOT SIGNED: ${problem}`;
  if (origin === null || size === null || at === null) return 'not signed yet';
  return `signed to height ${size} at ${at} as ${origin}`;
}
