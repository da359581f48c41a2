// From what a person calls a port to its VMID and NIC; pure.

import { parseGuestInterface } from '../../core/guest/interface-name.ts';
import { NUMBERED_RUNTIMES } from '../../core/guest/runtimes.ts';
import { type PortIdentity, parsePortName, vmidFromText } from '../../core/guest/vmid.ts';
import { allocationName, type VmidState } from '../../core/guest/vmid-allocation.ts';
import { answered } from '../../core/lib/answer.ts';
import { AgentError, isErrorCode } from '../../core/lib/errors.ts';
import { isOurs, OWNER_KEYS } from '../../core/plan/observed.ts';
import type { HostFacts } from '../doctor/facts.ts';

/**
 * The ports that are meant by `vi101`, `101` (all NICs), `101i1`, the name of a device, or of a guest.
 * Throws `port-unknown`, and `bad-argument` for a name that several guests have.
 */
export function portsMeant(text: string, facts: HostFacts, state: VmidState): PortIdentity[] {
  const port = parsePortName(text) ?? nicOf(text);
  if (port !== undefined) return [port];
  const vmid = vmidFromText(text);
  if (vmid !== undefined) return nicsOf(vmid, facts);
  const device = byDevice(text, facts);
  if (device !== undefined) return [device];
  const [found, ...others] = new Set(byName(text, facts, state));
  if (others.length > 0) {
    const numbers = [found, ...others].join(' and ');
    throw new AgentError('bad-argument', `There is more than one ${text}: VMIDs ${numbers}. Give the VMID`);
  }
  if (found !== undefined) return nicsOf(found, facts);
  const waiting = answered(facts.agent)?.waiting.find(({ port }) => port === `container ${text}`);
  if (waiting !== undefined) {
    const code = isErrorCode(waiting.code) ? waiting.code : 'container-not-attachable';
    throw new AgentError(code, `Container ${text} has no port: ${waiting.reason}`);
  }
  throw new AgentError('port-unknown', `There is no port, device or guest called ${JSON.stringify(text)}`);
}

/** `101i0`, as the end of a device's name. */
function nicOf(text: string): PortIdentity | undefined {
  const [, vmidText = '', nicText = ''] = /^(\d+)i(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const vmid = vmidFromText(vmidText);
  return vmid === undefined ? undefined : { vmid, nic: Number(nicText) };
}

/** Every NIC of the guest that any source knows; at least the first. */
function nicsOf(vmid: number, facts: HostFacts): PortIdentity[] {
  const { tree } = facts.proxmox;
  const config = tree.state === 'ready' ? tree.guests.get(vmid)?.config : undefined;
  const names = [
    ...facts.bindings.map(({ port }) => port),
    ...(answered(facts.ovsdb)?.ports ?? []).map(({ port }) => port),
    ...(answered(facts.agent)?.waiting ?? []).map(({ port }) => port),
  ];
  const named = names.flatMap((name) => parsePortName(name) ?? []).filter((port) => port.vmid === vmid);
  const nics = new Set([...(config?.nics.keys() ?? []), ...named.map(({ nic }) => nic)]);
  const sorted = [...(nics.size === 0 ? [0] : nics)].sort((a, b) => a - b);
  return sorted.map((nic) => ({ vmid, nic }));
}

function byDevice(text: string, facts: HostFacts): PortIdentity | undefined {
  const ports = answered(facts.ovsdb)?.ports ?? [];
  const row = ports.find(
    (port) => (port.interface === text || port.row === text) && parsePortName(port.port),
  );
  const binding = facts.bindings.find((one) => one.interface === text);
  const name = row?.port ?? binding?.port;
  if (name !== undefined) return parsePortName(name);
  const made = parseGuestInterface(text);
  return made && { vmid: made.vmid, nic: made.nic };
}

function byName(text: string, facts: HostFacts, { allocations }: VmidState): number[] {
  const { tree } = facts.proxmox;
  const guests = tree.state === 'ready' ? [...tree.guests.values()] : [];
  const rows = (answered(facts.ovsdb)?.ports ?? []).filter(
    ({ externalIds }) => isOurs(externalIds) && externalIds[OWNER_KEYS.guest] === text,
  );
  const kept = NUMBERED_RUNTIMES.flatMap((runtime) => {
    const name = allocationName(runtime, text);
    return Object.hasOwn(allocations, name) ? (allocations[name]?.vmid ?? []) : [];
  });
  return [
    ...guests.filter(({ config }) => config.name === text).map(({ vmid }) => vmid),
    ...facts.bindings.filter(({ guest }) => guest === text).map(({ vmid }) => vmid),
    ...rows.flatMap(({ externalIds }) => vmidFromText(externalIds[OWNER_KEYS.vmid] ?? '') ?? []),
    ...kept,
  ];
}
