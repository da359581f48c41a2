// What is known of one port, line by line, and the verdict; pure.

import { OWNER_KEYS } from '../../core/plan/observed.ts';
import type { PortFacts } from '../../diagnose/explain/facts.ts';
import { type Fault, faultsOf, notesOf, vlanText } from '../../diagnose/explain/faults.ts';
import type { History } from '../inspect/history.ts';
import { printable } from '../printable.ts';
import { eventLine } from './event.ts';
import { pad } from './table.ts';
import { shortTime } from './time.ts';

export interface Explanation {
  facts: PortFacts;
  history: History;
}

export function explanationLines({ facts, history }: Explanation, now: Date): string[] {
  const rows: [string, string][] = [
    ['wish', desiredText(facts)],
    ['row', row(facts)],
    ['marks', marks(facts)],
    ['device', device(facts)],
    ['profiles', facts.profiles === 0 ? 'none in NetworkManager' : `${facts.profiles} in NetworkManager`],
    ['agent', agent(facts, now)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    printable(`${facts.port}: ${who(facts)}`),
    ...rows.map(([name, value]) => `  ${pad(name, width)}  ${printable(value)}`),
    ...ledger(history),
    ...verdict(facts),
  ];
}

function who({ guest, vmid, nic, node }: PortFacts): string {
  if (guest === undefined)
    return node === undefined ? `no guest ${vmid} here` : `guest ${vmid} of node ${node}`;
  const state = guest.running === undefined ? '' : guest.running ? ', running' : ', not running';
  return `card ${nic} of ${guest.name} (${guest.runtime}, VMID ${vmid})${state}`;
}

function desiredText({ wish: wanted, obstacle }: PortFacts): string {
  if (obstacle !== undefined) return `none: ${obstacle}`;
  if (wanted === undefined) return 'none';
  const { interface: link, bridge, row: name, vlan, from } = wanted;
  const parts = [
    `${link} on ${bridge}`,
    ...(vlan === undefined ? [] : [`VLAN ${vlanText(vlan)}`]),
    ...(name === undefined ? [] : [`row keeps the name ${name}`]),
  ];
  return `${parts.join(', ')} (${from})`;
}

function row({ row: own, foreign, holder, ovsdbProblem, driver }: PortFacts): string {
  if (ovsdbProblem !== undefined) return `not known: ${ovsdbProblem}`;
  const found = own ?? foreign ?? holder;
  if (found === undefined) return 'none in OVSDB';
  const { row: name, bridge, interface: link, ofport, error, vlan } = found;
  const parts = [
    `${name} on ${bridge} holds ${link}`,
    `ofport ${ofport ?? 'none'}`,
    `VLAN ${vlanText(vlan)}`,
    ...(error === undefined ? [] : [`error: ${error}`]),
    own === undefined ? 'not ours' : `driven through ${driver}`,
  ];
  return parts.join(', ');
}

function marks({ row: own }: PortFacts): string {
  const ids = own?.externalIds ?? {};
  const ours = [OWNER_KEYS.vmid, OWNER_KEYS.guest, OWNER_KEYS.runtime, OWNER_KEYS.nic].flatMap((key) =>
    ids[key] === undefined ? [] : [`${key.replace('ovs-port-agent.', '')}=${ids[key]}`],
  );
  return ours.length === 0 ? 'none' : ours.join(' ');
}

function device({ device: name, link }: PortFacts): string {
  if (name === undefined) return 'none';
  if (link === undefined) return `${name} does not exist`;
  const { up, carrier, mtu, master, index } = link;
  const parts = [
    up ? 'up' : 'down',
    ...(carrier === undefined ? [] : [carrier ? 'carrier' : 'no carrier']),
    `mtu ${mtu}`,
    `index ${index}`,
    ...(master === undefined ? [] : [`in the bridge ${master}`]),
  ];
  return `${name}: ${parts.join(', ')}`;
}

function agent({ agentProblem, waiting, binding }: PortFacts, now: Date): string {
  const since = binding?.since === undefined ? undefined : `bound since ${shortTime(binding.since, now)}`;
  const parts = [
    ...(agentProblem === undefined ? [] : [`does not answer: ${agentProblem}`]),
    ...(waiting === undefined ? [] : [`waits: ${waiting.reason}`]),
    ...(since === undefined ? [] : [`${since} through ${binding?.driver ?? 'an unknown driver'}`]),
  ];
  return parts.length === 0 ? 'knows nothing of it' : parts.join('; ');
}

function ledger({ events, problem }: History): string[] {
  if (problem !== undefined) return [printable(`  ledger: ${problem}`)];
  if (events.length === 0) return ['  ledger: nothing lately'];
  return ['  ledger:', ...events.map(({ block, cause }) => `    ${eventLine(block, cause)}`)];
}

/** The last lines: what is wrong and what to do, or that all is right. */
function verdict(facts: PortFacts): string[] {
  const faults = faultsOf(facts);
  const notes = notesOf(facts).map((note) => `Note: ${note}`);
  if (faults.length === 0) return [...notes, 'All right.'].map(printable);
  const lines = faults.flatMap(({ text, remedy }: Fault, at) => [
    `${at === 0 ? 'Fault' : 'Also'}: ${text}`,
    `  ${remedy}`,
  ]);
  return [...notes, ...lines].map(printable);
}

/** The same for programs. */
export function explanationJson({ facts, history }: Explanation): object {
  return {
    ...facts,
    faults: faultsOf(facts),
    notes: notesOf(facts),
    ledger: history.events.map(({ block }) => block),
    ...(history.problem !== undefined && { ledger_problem: history.problem }),
  };
}
