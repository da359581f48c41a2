// The agent: running, of the right version, what waits, and whether its memory fits the switch.

import { parsePortName } from '../../core/guest/vmid.ts';
import { answered } from '../../core/lib/answer.ts';
import { type Finding, findingsOf, listText } from '../../core/lib/finding.ts';
import type { AgentFacts, DoctorFacts } from './facts.ts';

const { pass, warn, fail } = findingsOf('Agent');

const START = 'systemctl restart ovs-port-agent.service; journalctl -u ovs-port-agent';
/** An agent that runs takes an event out of the spool within seconds. */
const SPOOL_OLD_MS = 60_000;

export function checkAgent(facts: DoctorFacts): Finding[] {
  const { agent } = facts;
  const enabled = facts.isEnabled
    ? []
    : [
        warn('enabled', 'the agent does not start at boot', {
          remedy: 'systemctl enable ovs-port-agent.service',
        }),
      ];
  const rest = [...enabled, spool(facts), ...bindings(facts)];
  if (!agent.ok) {
    if (!facts.config.ok) {
      const text = 'the agent does not run: the configuration has an error, as said above';
      return [fail('agent', text, { remedy: 'ovs-port-agent config check', code: 'bad-config' }), ...rest];
    }
    const cure = { remedy: START, code: agent.code ?? ('agent-unreachable' as const) };
    return [fail('agent', `the agent does not answer: ${agent.reason}`, cure), ...rest];
  }
  const { pid, version, ready, obstacle, waiting } = agent.value;
  const process = pid === undefined ? '' : `, pid ${pid}`;
  return [
    pass('agent', `the agent runs${version === undefined ? '' : `, version ${version}`}${process}`),
    ...versions(facts.version, version),
    ready
      ? pass('ready', 'it is ready')
      : warn('ready', `it is not ready: ${obstacle ?? 'the reason is not known'}`, {
          remedy: 'See the findings above; it goes on by itself once they are mended',
        }),
    ...waiting.map(({ port, bridge, reason, code }) =>
      fail('waiting', `${port}${bridge ? ` on ${bridge}` : ''} waits: ${reason} [${code}]`, {
        remedy: parsePortName(port) ? `ovs-port-agent explain ${port}` : 'ovs-port-agent status',
      }),
    ),
    ...wrong(agent.value),
    ...rest,
  ];
}

const FOUND_BY_DOCTOR: ReadonlySet<string> = new Set([
  'ovsdb-unreachable',
  'vswitchd-unreachable',
  'ledger-broken',
]);

/** What `status` says, but for what doctor finds out by itself. */
function wrong({ health = [], waiting }: AgentFacts): Finding[] {
  const reported = new Set(waiting.map(({ port }) => port));
  return health
    .filter(({ fault, name }) => !reported.has(name) && !FOUND_BY_DOCTOR.has(fault))
    .map(({ name, text, remedy, degraded }) => {
      const words = name === '' ? text : `${name}: ${text}`;
      return degraded ? warn('health', words, { remedy }) : fail('health', words, { remedy });
    });
}

function versions(cli: string, agent: string | undefined): Finding[] {
  if (agent === undefined || agent === cli) return [];
  return [
    warn('version', `the agent that runs is version ${agent}, the command line is ${cli}`, {
      remedy: 'systemctl restart ovs-port-agent.service',
    }),
  ];
}

function spool({ spool: answer, agent }: DoctorFacts): Finding {
  if (!answer.ok)
    return warn('spool', `the spool cannot be read: ${answer.reason}`, { code: 'spool-failed' });
  const { files, oldestMs = 0 } = answer.value;
  if (files === 0) return pass('spool', 'the spool is empty');
  const text = `${files} ${files === 1 ? 'event waits' : 'events wait'} in the spool, the oldest for ${age(oldestMs)}`;
  if (agent.ok && oldestMs > SPOOL_OLD_MS) {
    return fail('spool', text, { remedy: 'journalctl -u ovs-port-agent; ovs-port-agent reconcile' });
  }
  return warn('spool', text, { remedy: START });
}

function bindings(facts: DoctorFacts): Finding[] {
  const found = answered(facts.ovsdb);
  if (found === undefined) return [];
  const present = new Set(found.ports.map(({ port }) => port));
  const bound = facts.bindings.filter(({ since }) => since !== undefined);
  const lost = bound.filter(({ port }) => !present.has(port)).map(({ port }) => port);
  if (lost.length === 0) return [];
  return [
    fail('bindings', `bound by the agent, but not in OVSDB: ${listText(lost.sort())}`, {
      remedy: 'ovs-port-agent reconcile',
    }),
  ];
}

function age(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
