// Whose a row of OVSDB is. Marks alone prove nothing: whoever may write to the database can copy them; pure.

import { parseGuestInterface } from '../guest/interface-name.ts';
import { parsePortName, portName, vmidFromText } from '../guest/vmid.ts';
import { isOurs, type Observed, type ObservedPort, OWNER_KEYS } from './observed.ts';

/** Devices that the agent has noted for a port, from the moment it was asked for. */
export type RecordOf = (port: string) => ReadonlySet<string>;

type Marked = Pick<ObservedPort, 'row' | 'interface' | 'externalIds'>;

/**
 * Whether the row is named as its marks say: `vi<VMID>` or `vi<VMID>i<n>`, or with that as its alias as Proxmox names the
 * NIC of that guest, or as we have noted it.
 */
export function isOurPort({ row, interface: link, externalIds }: Marked, recordOf?: RecordOf): boolean {
  if (!isOurs(externalIds)) return false;
  const vmid = vmidFromText(externalIds[OWNER_KEYS.vmid] ?? '');
  const nic = externalIds[OWNER_KEYS.nic] ?? '0';
  if (vmid === undefined || !/^\d{1,3}$/.test(nic)) return false;
  const name = portName(vmid, Number(nic));
  if (row === name) return true;
  if (externalIds[OWNER_KEYS.port] !== name || row !== link) return false;
  return parseGuestInterface(row)?.vmid === vmid || recordOf?.(name).has(row) === true;
}

/** Why a row that carries our marks stays where it is, or undefined: it is ours to take away. */
export function keptBecause(port: ObservedPort, observed: Observed, recordOf: RecordOf): string | undefined {
  const { interface: link, externalIds } = port;
  if (!isOurPort(port, recordOf)) return `it carries our mark for VMID ${externalIds[OWNER_KEYS.vmid]} only`;
  if (!observed.links.has(link)) return undefined;
  const use = observed.hostDevices.get(link);
  if (use !== undefined) return `${link} ${use}`;
  const isNoted = recordOf(port.port).has(link) || observed.guestDevices.has(link);
  return isNoted || isNamedFor(port) ? undefined : `${link} is no guest's device that we know of`;
}

/**
 * A device that only a guest's NIC is called: Proxmox's for that guest, which on OVS may be one that the switch makes, or
 * the outer end of a veth that we make for a container.
 */
function isNamedFor({ port, interface: link, type }: ObservedPort): boolean {
  return (
    (link === port && type !== 'internal') || parseGuestInterface(link)?.vmid === parsePortName(port)?.vmid
  );
}
