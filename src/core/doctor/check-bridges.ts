// Each bridge that matters: there, of a kind that works, usable by Proxmox, and which driver it leads to.

import { bridgeDriver } from './bridge-driver.ts';
import type { DoctorFacts, SwitchBridge, SwitchFacts } from './facts.ts';
import { answered, type Finding, findingsOf } from './finding.ts';
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
    ].filter((finding) => finding !== undefined);
    return [led(facts, bridge), ...faults];
  });
}

/** Those of the configuration, those that guests name, those that hold ports of ours. */
function namesOf(facts: DoctorFacts, { bridges, ports }: SwitchFacts): string[] {
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
  if (facts.links.get(name)?.isLinuxBridge) {
    return fail(check, `${name} is a Linux bridge: no OVS port can be made on it`, {
      remedy: `Name an OVS bridge in the configuration, or make ${name} one in /etc/network/interfaces`,
    });
  }
  if (facts.links.has(name)) {
    return fail(check, `${name} is a network device and not an OVS bridge`, {
      remedy: 'Name another bridge in the configuration',
    });
  }
  if (facts.inForce.bridges[name]?.create === false) {
    return fail(check, `${name} does not exist, and the configuration says create = false`, {
      remedy: `Make the bridge, or say create = true in [bridges.${name}]`,
    });
  }
  const { driver, why } = bridgeDriver(undefined, facts.inForce, networkManagerState(facts));
  return warn(check, `${name} does not exist; the agent makes it through ${driver}: ${why}`, {
    remedy: 'ovs-port-agent reconcile',
  });
}

/** Which driver acts on it, and whether that one can. */
function led(facts: DoctorFacts, bridge: SwitchBridge): Finding {
  const check = `bridge ${bridge.name}`;
  const state = networkManagerState(facts);
  const { driver, why } = bridgeDriver(bridge, facts.inForce, state);
  const text = `${bridge.name}: ${bridge.datapathType} datapath, driven through ${driver}: ${why}`;
  const byNetworkManager = bridge.networkManagerUuid !== undefined;
  if (driver === 'networkmanager' && !byNetworkManager) {
    return fail(check, `${text}; but NetworkManager does not own it`, { code: 'bridge-not-ours' });
  }
  if (driver === 'networkmanager' && (state === undefined || !state.running)) {
    return fail(check, `${text}; but NetworkManager does not run`, { code: 'networkmanager-unavailable' });
  }
  if (driver === 'networkmanager' && state?.ovs === false) {
    const cause = `but NetworkManager ${state.version} has no OVS plugin`;
    return fail(check, `${text}; ${cause}`, { code: 'networkmanager-without-ovs' });
  }
  if (driver === 'ovsdb' && byNetworkManager) {
    return warn(check, `${text}; but NetworkManager owns it and may take away what others plug`, {
      remedy: 'Say driver = "auto" in the configuration',
    });
  }
  return pass(check, text);
}

function datapath(
  { hasKernelDatapath }: DoctorFacts,
  { name, datapathType }: SwitchBridge,
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
function ownDevice(facts: DoctorFacts, { ports }: SwitchFacts, { name }: SwitchBridge): Finding | undefined {
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

function owners({ declared }: DoctorFacts, { name, networkManagerUuid }: SwitchBridge): Finding | undefined {
  if (networkManagerUuid === undefined || !answered(declared)?.has(name)) return undefined;
  const text = `${name} has two owners: NetworkManager made it, and /etc/network/interfaces declares it`;
  return warn(`bridge ${name} owners`, text, {
    remedy: 'Take the bridge out of one of the two: a reload of either undoes what the other did',
  });
}

function reload({ declared }: DoctorFacts, { ports }: SwitchFacts, name: string): Finding | undefined {
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

function networkManagerState(facts: DoctorFacts) {
  return answered(facts.networkManager)?.state;
}
