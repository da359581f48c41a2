// Gathers what `explain` says of one port, beside what is known of the host.

import { isNicProblem } from '../../core/guest/nic.ts';
import { factsOfGuest } from '../../core/guest/runtimes.ts';
import { type PortIdentity, parsePortName, portName } from '../../core/guest/vmid.ts';
import { answered } from '../../core/lib/answer.ts';
import type { DesiredPort } from '../../core/plan/desired.ts';
import { guestRuns } from '../../diagnose/ask-runtimes.ts';
import type { HostFacts } from '../../diagnose/doctor/facts.ts';
import { isOursPort } from '../../diagnose/doctor/ownership.ts';
import type { DesiredFacts, PortFacts } from '../../diagnose/explain/facts.ts';
import { joinPort, markedGuest, type NicFacts } from '../../diagnose/explain/join.ts';
import type { GuestToAsk } from '../../runtimes/diagnosis.ts';
import type { ProxmoxGuest } from '../../runtimes/proxmox/config/tree.ts';
import { desiredPort, obstacleTo } from '../../runtimes/proxmox/nic.ts';
import { type History, readHistory } from './history.ts';

export interface Explained {
  facts: PortFacts;
  history: History;
}

export async function inspectPort(identity: PortIdentity, host: HostFacts): Promise<Explained> {
  const { tree } = host.proxmox;
  const proxmox = tree.state === 'ready' ? tree.guests.get(identity.vmid) : undefined;
  const port = portName(identity.vmid, identity.nic);
  const whom = proxmox ? askable(proxmox) : ownerOf(host, port);
  const { ledger } = host.inForce;
  const history = await readHistory(ledger.path, {
    port,
    vmid: identity.vmid,
    ...(whom && !factsOfGuest(whom.runtime).isKnownByVmid && { name: whom.name }),
  });
  const running = whom && (await guestRuns(whom, host));
  const nicFacts: NicFacts = {
    firewall: false,
    pending: false,
    running,
    skipped: ours(history.skipped, identity),
    ...(proxmox && proxmoxNic(proxmox, identity, host)),
  };
  return { facts: joinPort(identity, host, nicFacts), history };
}

/** Reasons of a Proxmox guest name the NIC that they are about. */
function ours(reasons: readonly string[], { nic }: PortIdentity): string[] {
  return reasons.filter((reason) => !/^net\d+:/.test(reason) || reason.startsWith(`net${nic}:`));
}

function askable({ vmid, runtime, config }: ProxmoxGuest): GuestToAsk {
  return { runtime, vmid, name: config.name ?? String(vmid) };
}

/** By the binding file, else by the marks of the row. */
function ownerOf({ bindings, ovsdb }: HostFacts, port: string): GuestToAsk | undefined {
  const binding = bindings.find((one) => one.port === port);
  if (binding === undefined) {
    const row = (answered(ovsdb)?.ports ?? []).find((one) => one.port === port && isOursPort(one));
    const vmid = parsePortName(port)?.vmid;
    const marked = markedGuest(row);
    return marked && vmid !== undefined ? { ...marked, vmid } : undefined;
  }
  const { runtime, vmid, guest, id } = binding;
  return { runtime, vmid, name: guest, ...(id !== undefined && { id }) };
}

/** What Proxmox's configuration says of the NIC; the agent's own rules make the spec of it. */
function proxmoxNic(guest: ProxmoxGuest, { nic: index }: PortIdentity, host: HostFacts): Partial<NicFacts> {
  const { config, runtime } = guest;
  const identity = { runtime, vmid: guest.vmid, name: config.name ?? String(guest.vmid) };
  const who = { guest: { ...identity, ...(config.lock !== undefined && { lock: config.lock }) } };
  const nic = config.nics.get(index);
  if (nic === undefined) return { ...who, obstacle: `the guest's configuration has no net${index}` };
  if (isNicProblem(nic)) return { ...who, obstacle: nic.problem };
  const pending = config.pendingNics.has(index);
  const desired = desiredPort(identity, { index, nic, pending }, host.inForce.proxmox.port, holderOf(host));
  const obstacle = obstacleTo(runtime, { ...nic, bridge: desired.bridge }, isOvsBridge(host));
  return {
    ...who,
    firewall: nic.firewall,
    pending,
    desired: desiredFactsOf(desired),
    ...(obstacle !== undefined && { obstacle }),
  };
}

function desiredFactsOf({ interface: link, bridge, row, vlan }: DesiredPort): DesiredFacts {
  return {
    interface: link,
    bridge,
    from: 'guest configuration',
    ...(row !== undefined && { row }),
    ...(vlan && { vlan }),
  };
}

function holderOf({ ovsdb }: HostFacts) {
  const ports = answered(ovsdb)?.ports ?? [];
  return (device: string) => ports.find((port) => port.interface === device);
}

/** As the agent sees it: a bridge that is not there at all is waited for. */
function isOvsBridge({ ovsdb, inForce, links }: HostFacts) {
  const bridges = answered(ovsdb)?.bridges;
  return (name: string) =>
    bridges === undefined ||
    bridges.some((one) => one.name === name) ||
    inForce.bridges[name]?.create === true ||
    links.get(name)?.isLinuxBridge !== true;
}
