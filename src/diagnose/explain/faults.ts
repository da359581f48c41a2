// What is wrong with one port: each fault a pure function of what is known, in the order in which they explain things.

import { isChangedUnderLock, startCommand } from '../../core/guest/runtimes.ts';
import type { ErrorCode } from '../../core/lib/errors.ts';
import { ERRORS } from '../../core/lib/errors.ts';
import { shellWord } from '../../core/lib/shell-word.ts';
import type { Vlan } from '../../core/plan/desired.ts';
import type { PortFacts } from './facts.ts';

export interface Fault {
  /** Name of the fault, the same in every run: programs look for it. */
  fault: string;
  text: string;
  remedy: string;
}

const RECONCILE = 'ovs-port-agent reconcile';

/** What is wrong, the cause before its effects; empty for a port that is right. */
export function faultsOf(facts: PortFacts): Fault[] {
  const blind = blindFault(facts);
  if (blind !== undefined) return [blind];
  const guest = [absentGuest, nicObstacle].map((find) => find(facts));
  const state = [foreignName, held, skipped].map((find) => find(facts));
  const row = [missingBridge, leftOver, deviceGone, noRow, otherBridge, broken, vlan, earlierBoot].map(
    (find) => find(facts),
  );
  const rest = [link, profiles].map((find) => find(facts));
  // Without an agent nobody can repair what comes after it; what comes before it no agent would.
  return [silentSwitch(facts), ...guest, agent(facts), ...state, ...row, ...rest].filter(
    (fault) => fault !== undefined,
  );
}

/** Worth knowing, and no fault. */
export function notesOf(facts: PortFacts): string[] {
  const { port, wish: desired, firewall, pending, guest, nic, ovsdbProblem } = facts;
  const device = desired?.interface ?? `net${nic}`;
  return [
    ...(firewall && ovsdbProblem === undefined
      ? [
          `Proxmox's firewall is on for this card: its port on the bridge is ${device}, and ${port} an alias of that.`,
        ]
      : []),
    ...(isHandedBack(facts) ? [handedBackNote(facts, device)] : []),
    ...(pending
      ? [`Proxmox has a change of net${nic} pending: it comes with the next start of the guest.`]
      : []),
    ...(guest?.lock === undefined ? [] : [`Proxmox holds the guest's lock: ${guest.lock}.`]),
  ];
}

function handedBackNote({ spanningTree, row, guest, locksProblem }: PortFacts, device: string): string {
  if (spanningTree) {
    return `Its row has the name ${row?.row}, and ours as an alias: ${row?.bridge} runs a spanning tree, for which a renamed port is a new one that is cut off while it learns.`;
  }
  const own = `Its row has Proxmox's own name now, ${device}, and ours as an alias`;
  if (locksProblem !== undefined && guest && isChangedUnderLock(guest.runtime)) {
    return `${own}, since Proxmox's changes of running containers are not seen in time: ${locksProblem}`;
  }
  return `${own}: so the agent hands it back when it stops, or for a change of the card. When it runs it takes it again.`;
}

/** A NIC that is to have its row under our name, and has it under Proxmox's. */
function isHandedBack({ row, port, wish: desired }: PortFacts): boolean {
  if (row === undefined || desired === undefined || desired.row !== undefined) return false;
  return row.row !== port && row.row === row.interface;
}

type Find = (facts: PortFacts) => Fault | undefined;

const fault = (name: string, text: string, remedy: string): Fault => ({ fault: name, text, remedy });
const coded = (code: ErrorCode, text: string): Fault => ({ fault: code, text, remedy: ERRORS[code].remedy });

const blindFault: Find = ({ ovsdbProblem }) =>
  ovsdbProblem === undefined ? undefined : coded('ovsdb-unreachable', `nothing can be told: ${ovsdbProblem}`);

/** Its rows stand in the database as before, and no packet passes a user-space datapath. */
const silentSwitch: Find = ({ switchProblem }) =>
  switchProblem === undefined
    ? undefined
    : coded('vswitchd-unreachable', `Open vSwitch switches nothing new: ${switchProblem}`);

const absentGuest: Find = ({ guest, vmid, node, row, foreign, binding }) => {
  if (guest === undefined) {
    if (node !== undefined)
      return fault('other-node', `guest ${vmid} is on the node ${node}`, `Ask on ${node}`);
    if (row ?? foreign ?? binding) return undefined;
    return fault(
      'no-guest',
      `there is no guest ${vmid} on this host`,
      'List the ports with: ovs-port-agent list',
    );
  }
  if (guest.running !== false || row !== undefined) return undefined;
  return fault('not-running', `${guest.name} does not run, so it has no port`, startOf(guest.runtime, vmid));
};

function startOf(runtime: string, vmid: number): string {
  const command = startCommand(runtime, vmid);
  return command === undefined ? 'Start the guest' : `Start it: ${command}`;
}

const nicObstacle: Find = ({ obstacle, nic }) =>
  obstacle === undefined
    ? undefined
    : fault(
        'no-port-wanted',
        `net${nic} gets no port: ${obstacle}`,
        "Change the card in the guest's configuration",
      );

const foreignName: Find = ({ foreign, port }) =>
  foreign === undefined
    ? undefined
    : fault(
        'name-taken',
        `the name ${port} is taken by a port that somebody else made (${foreign.interface} on ${foreign.bridge})`,
        `Remove it with the tool that made it, then: ${RECONCILE}`,
      );

const held: Find = ({ waiting }) =>
  waiting === undefined
    ? undefined
    : fault(waiting.code, `the agent cannot make it: ${waiting.reason}`, remedyOf(waiting.code));

const remedyOf = (code: string) =>
  Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode].remedy : 'See: ovs-port-agent status';

const skipped: Find = ({ skipped: reasons, row, obstacle }) =>
  row !== undefined || obstacle !== undefined || reasons.length === 0
    ? undefined
    : fault('skipped', `the agent passed it over: ${reasons.join('; ')}`, "Change the guest's configuration");

/** Rows of ours whose guest is gone or does not run. */
const leftOver: Find = ({ row, guest, link, binding }) => {
  if (row === undefined) return undefined;
  const isGone = guest === undefined ? binding === undefined && link === undefined : guest.running === false;
  return isGone
    ? fault('left-over', `${row.row} on ${row.bridge} is left over: its guest does not run`, RECONCILE)
    : undefined;
};

const deviceGone: Find = ({ row, link, guest }) =>
  row === undefined || link !== undefined || row.type !== '' || guest?.running === false
    ? undefined
    : fault('device-gone', `its device ${row.interface} is gone, the row is still there`, RECONCILE);

/** What the agent waits for is said by it. */
const missingBridge: Find = ({ bridgeMissing, wish: desired, guest, waiting, row }) => {
  if (!bridgeMissing || desired === undefined || row !== undefined || guest?.running === false)
    return undefined;
  if (waiting !== undefined) return undefined;
  return coded('bridge-missing', `there is no OVS bridge ${desired.bridge}`);
};

const noRow: Find = (facts) => {
  if (facts.bridgeMissing) return undefined;
  const { row, holder, wish: desired, link, guest, obstacle, foreign } = facts;
  if (row !== undefined || desired === undefined || obstacle !== undefined || foreign !== undefined)
    return undefined;
  if (guest?.running === false) return undefined;
  if (holder !== undefined) {
    const text = `${desired.interface} is on ${holder.bridge} as port ${holder.row}, and not ours yet`;
    return fault('not-adopted', text, RECONCILE);
  }
  if (link === undefined) return coded('link-missing', `there is no network device ${desired.interface}`);
  return fault('no-row', `${desired.interface} is there, but in no port of Open vSwitch`, RECONCILE);
};

const otherBridge: Find = ({ row, wish: desired }) =>
  row === undefined || desired === undefined || row.bridge === desired.bridge
    ? undefined
    : fault('other-bridge', `it is on ${row.bridge}, and should be on ${desired.bridge}`, RECONCILE);

const broken: Find = ({ row, link }) => {
  if (row === undefined || (link === undefined && row.type === '')) return undefined;
  if (row.error !== undefined) return coded('port-not-usable', `Open vSwitch says: ${row.error}`);
  if (row.ofport !== undefined && row.ofport >= 0) return undefined;
  const number = row.ofport === undefined ? 'no port number' : `port number ${row.ofport}`;
  return coded('port-not-usable', `ovs-vswitchd has not opened ${row.interface}: it has ${number}`);
};

const vlan: Find = ({ row, wish: desired }) => {
  if (row === undefined || desired === undefined || sameVlan(row.vlan, desired.vlan)) return undefined;
  // Only a guest's configuration says that there is to be none; elsewhere its VLAN is somebody's that we do not know.
  if (desired.from === 'binding file' && desired.vlan === undefined) return undefined;
  const text = `its VLAN is ${vlanText(row.vlan)}, and should be ${vlanText(desired.vlan)} by the ${desired.from}`;
  return fault('vlan', text, vlanCommand(row.row, desired.vlan));
};

/** The agent keeps the VLANs that a row has, as it keeps all settings that others made: a person puts them right. */
function vlanCommand(row: string, { tag, trunks, mode }: Vlan = { trunks: [] }): string {
  const wanted = [
    ...(tag === undefined ? [] : [`tag=${tag}`]),
    ...(trunks.length === 0 ? [] : [`trunks=${trunks.join(',')}`]),
    ...(mode === undefined ? [] : [`vlan_mode=${mode}`]),
  ];
  const clear = `ovs-vsctl clear Port ${shellWord(row)} tag trunks vlan_mode`;
  return wanted.length === 0 ? clear : `${clear} -- set Port ${shellWord(row)} ${wanted.join(' ')}`;
}

/** An empty `vlan_mode` is `access` with a tag and `trunk` without (ovs-vswitchd.conf.db(5)). */
function sameVlan(one: Vlan, other: Vlan = { trunks: [] }): boolean {
  const key = ({ tag, trunks, mode }: Vlan) =>
    JSON.stringify([
      tag ?? null,
      [...trunks].sort((a, b) => a - b),
      mode ?? (tag === undefined ? 'trunk' : 'access'),
    ]);
  return key(one) === key(other);
}

/** `5`, `trunks 1, 2`, `none`. */
export function vlanText({ tag, trunks, mode }: Vlan = { trunks: [] }): string {
  const parts = [
    ...(tag === undefined ? [] : [`${tag}`]),
    ...(trunks.length > 0 ? [`trunks ${trunks.join(', ')}`] : []),
    ...(mode === undefined ? [] : [mode]),
  ];
  return parts.length === 0 ? 'none' : parts.join(', ');
}

const earlierBoot: Find = ({ isOld, port }) =>
  isOld ? fault('earlier-boot', `the row of ${port} is from before the last boot`, RECONCILE) : undefined;

const link: Find = ({ link: state, device = '', guest, row }) => {
  if (state === undefined || row === undefined || guest?.running === false) return undefined;
  if (!state.up) return fault('link-down', `${device} is down`, `ip link set dev ${shellWord(device)} up`);
  if (state.carrier !== false) return undefined;
  const text = `${device} has no carrier: nothing is at its other end, or the guest has its card down`;
  return fault('no-carrier', text, 'Look at the card inside the guest, or start the guest again');
};

const profiles: Find = ({ profiles: count, row }) =>
  count === 0 || row !== undefined
    ? undefined
    : fault(
        'profile-without-row',
        `NetworkManager has ${count} of our profiles for it, but there is no row`,
        RECONCILE,
      );

const agent: Find = ({ agentProblem, row }) => {
  if (agentProblem === undefined) return undefined;
  const effect = row === undefined ? 'nobody makes the port' : 'nobody keeps the port right';
  return coded('agent-unreachable', `the agent does not answer, so ${effect} (${agentProblem})`);
};
