// Each bridge that matters: there, of a kind that works, usable by Proxmox, and which driver it leads to.

import { answered } from '../../core/lib/answer.ts';
import { type Finding, findingsOf } from '../../core/lib/finding.ts';
import { chooseDriver } from '../../core/plan/driver-choice.ts';
import { driverTraits, keeperOfRow } from '../../core/plan/driver-names.ts';
import { isOurBridge, type ObservedBridge } from '../../core/plan/observed.ts';
import type { DoctorFacts, SwitchSnapshot } from './facts.ts';
import { endangeredPorts } from './interfaces-file.ts';
import { isOursPort } from './ownership.ts';

const { pass, warn, fail } = findingsOf('Open vSwitch');

export function checkBridges(facts: DoctorFacts): Finding[] {
  const found = answered(facts.ovsdb);
  if (found === undefined) return [];
  const bridges = new Map(found.bridges.map((bridge) => [bridge.name, bridge]));
  return namesOf(facts, found).flatMap((name) => {
    const bridge = bridges.get(name);
    if (bridge === undefined) return [absent(facts, name)];
    const faults = [
      datapath(facts, bridge),
      ownDevice(facts, found, bridge),
      owners(facts, bridge),
      reload(facts, found, name),
      tree(bridge),
    ].filter((finding) => finding !== undefined);
    return [led(facts, bridge), ...faults];
  });
}

/** Those of the configuration, those that guests name, those that hold ports of ours. */
function namesOf(facts: DoctorFacts, { bridges, ports }: SwitchSnapshot): string[] {
  const { tree } = facts.proxmox;
  const guests = tree.state === 'ready' ? [...tree.guests.values()] : [];
  const named = guests.flatMap(({ config }) =>
    [...config.nics.values()].flatMap((nic) => ('problem' in nic ? [] : (nic.bridge ?? []))),
  );
  const known = new Set(bridges.map(({ name }) => name));
  const holding = ports.filter(isOursPort).map(({ bridge }) => bridge);
  const all = [...Object.keys(facts.inForce.bridges), ...holding, ...named.filter((name) => known.has(name))];
  return [...new Set(all)].sort();
}

function absent(facts: DoctorFacts, name: string): Finding {
  const check = `bridge ${name}`;
  const isLinux = facts.links.get(name)?.isLinuxBridge === true;
  if (facts.links.has(name) && !isLinux) {
    return fail(check, `${name} is a network device and not an OVS bridge`, {
      remedy: 'Name another bridge in the configuration',
    });
  }
  const choice = chooseDriver(name, undefined, isLinux, facts.choice);
  if ('obstacle' in choice) return fail(check, choice.obstacle.reason, { code: choice.obstacle.code });
  if (facts.inForce.bridges[name]?.create === false) {
    return fail(check, `${name} does not exist, and the configuration says create = false`, {
      remedy: `Make the bridge, or say create = true in [bridges.${name}]`,
    });
  }
  const text = `${name} does not exist; the agent makes it through ${choice.driver}: ${whyFor(facts, name)}`;
  return warn(check, text, { remedy: 'ovs-port-agent reconcile' });
}

/** Which driver acts on it, and whether that one can. */
function led(facts: DoctorFacts, bridge: ObservedBridge): Finding {
  const { name, datapathType, externalIds } = bridge;
  const check = `bridge ${name}`;
  const choice = chooseDriver(name, bridge, false, facts.choice);
  if ('obstacle' in choice) return fail(check, choice.obstacle.reason, { code: choice.obstacle.code });
  const text = `${name}: ${datapathType} datapath, driven through ${choice.driver}: ${whyFor(facts, name, bridge)}`;
  const keeper = keeperOfRow(externalIds);
  if (keeper !== undefined && choice.driver !== keeper) {
    return warn(
      check,
      `${text}; but ${driverTraits(keeper).title} owns it and may take away what others plug`,
      {
        remedy: 'Say driver = "auto" in the configuration',
      },
    );
  }
  return pass(check, text);
}

/** The reason of `chooseDriver`, in words. */
function whyFor({ choice }: DoctorFacts, name: string, bridge?: ObservedBridge): string {
  if (choice.configured !== 'auto') return `the configuration says driver = "${choice.configured}"`;
  const keeper = bridge && keeperOfRow(bridge.externalIds);
  if (keeper !== undefined) return `${driverTraits(keeper).title} owns it`;
  if (choice.declared.has(name)) return '/etc/network/interfaces declares it';
  if (bridge !== undefined)
    return isOurBridge(bridge) ? 'the agent made it' : 'NetworkManager does not own it';
  return choice.presence.networkmanager === 'ready'
    ? 'NetworkManager can do Open vSwitch'
    : 'NetworkManager cannot do Open vSwitch here';
}

function datapath(
  { hasKernelDatapath }: DoctorFacts,
  { name, datapathType }: ObservedBridge,
): Finding | undefined {
  if (datapathType === 'netdev' || hasKernelDatapath) return undefined;
  return fail(
    `bridge ${name} datapath`,
    `${name} wants the kernel datapath, which this kernel does not have`,
    {
      remedy: `modprobe openvswitch, or make the bridge with datapath_type = "netdev"`,
    },
  );
}

/** PVE::Network::read_bridge_mtu: Proxmox refuses a bridge without a device of the same name. */
function ownDevice(
  facts: DoctorFacts,
  { ports }: SwitchSnapshot,
  { name }: ObservedBridge,
): Finding | undefined {
  const check = `bridge ${name} device`;
  const hasRow = ports.some((port) => port.interface === name && port.type === 'internal');
  if (hasRow && facts.links.has(name)) return undefined;
  const text = hasRow
    ? `${name} has an internal interface, but no network device of that name`
    : `${name} has no internal interface of its own name`;
  const isProxmox = facts.proxmox.tree.state !== 'absent';
  const remedy = hasRow
    ? 'journalctl -u ovs-vswitchd'
    : `Give the bridge an internal port named ${name}: Proxmox refuses one without`;
  return isProxmox ? fail(check, text, { remedy }) : warn(check, text, { remedy });
}

/** Not a fault: worth knowing for whoever looks for our names in Open vSwitch. */
function tree({ name, spanningTree }: ObservedBridge): Finding | undefined {
  if (spanningTree === undefined) return undefined;
  const text = `${name} runs a spanning tree: ports keep the names they were plugged with, since a renamed one is cut off while it learns`;
  return pass(`bridge ${name} spanning tree`, text);
}

function owners({ declared }: DoctorFacts, { name, externalIds }: ObservedBridge): Finding | undefined {
  const keeper = keeperOfRow(externalIds);
  if (keeper === undefined || !answered(declared)?.has(name)) return undefined;
  const text = `${name} has two owners: ${driverTraits(keeper).title} made it, and /etc/network/interfaces declares it`;
  return warn(`bridge ${name} owners`, text, {
    remedy: 'Take the bridge out of one of the two: a reload of either undoes what the other did',
  });
}

function reload({ declared }: DoctorFacts, { ports }: SwitchSnapshot, name: string): Finding | undefined {
  const stanza = answered(declared)?.get(name);
  if (stanza === undefined) return undefined;
  const rows = ports.filter((port) => port.bridge === name && isOursPort(port)).map(({ row }) => row);
  const atRisk = endangeredPorts(stanza, rows);
  if (atRisk.length === 0) return undefined;
  const count = atRisk.length === 1 ? `port ${atRisk[0]}` : `${atRisk.length} ports of guests`;
  return warn(
    `bridge ${name} reload`,
    `a reload of /etc/network/interfaces would remove ${count} from ${name}`,
    {
      remedy: 'ovs-port-agent proxmox interfaces apply',
    },
  );
}
