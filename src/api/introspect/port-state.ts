// The ports of a bridge, each with its guest and whether it is as it should be; pure.

import type { OvsBridge, OvsPort } from '../../core/drivers/ovsdb/bridge-tree.ts';
import { parsePortName, portName } from '../../core/guest/vmid.ts';
import { isOurs, OWNER_KEYS } from '../../core/plan/observed.ts';
import type { Binding } from '../../state/desired-state.ts';
import { interfaceProblem } from './bridge-state.ts';
import { judgedText, type ObservedSwitch } from './observed.ts';

export interface PortState {
  /** `vi<VMID>` for a guest's NIC, whatever the row is called; else the row's name. */
  name: string;
  /** The Port row; undefined when a guest's port should be there and is not. */
  row: OvsPort | undefined;
  binding: Binding | undefined;
  /** Why it does not work or does not fit its guest. */
  problem: string | undefined;
}

/** The bridge's own port is left out, as `ovs-vsctl list-ports` does. */
export function portStates(bridge: OvsBridge, observed: ObservedSwitch): PortState[] {
  const bound = new Map(
    observed.bindings
      .filter((binding) => binding.bridge === bridge.name)
      .map((binding) => [binding.interface, binding]),
  );
  const rows = bridge.ports.filter(({ name }) => name !== bridge.name);
  const present = rows.map((row): PortState => {
    const binding = row.interfaces.length === 1 ? bound.get(row.interfaces[0]?.name ?? '') : undefined;
    if (binding) bound.delete(binding.interface);
    const name = binding?.port ?? markedName(row) ?? row.name;
    const problem =
      judgedText(observed, 'port', name) ?? rowProblem(row, observed) ?? guestProblem(row, binding);
    return { name, row, binding, problem };
  });
  const missing = [...bound.values()].map(
    (binding): PortState => ({
      name: binding.port,
      row: undefined,
      binding,
      problem: judgedText(observed, 'port', binding.port) ?? `it is not on ${bridge.name}`,
    }),
  );
  return [...present, ...missing].sort(byGuest);
}

function rowProblem(row: OvsPort, observed: ObservedSwitch): string | undefined {
  if (row.interfaces.length === 0) return 'it has no interface';
  for (const link of row.interfaces) {
    const problem = interfaceProblem(link, observed);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Whether row and binding tell of the same guest. */
function guestProblem(row: OvsPort, binding: Binding | undefined): string | undefined {
  if (binding === undefined) {
    return isOurs(row.externalIds) ? 'it carries our mark, but no guest that runs has it' : undefined;
  }
  const { vmid, nic } = binding;
  const { [OWNER_KEYS.vmid]: markedVmid, [OWNER_KEYS.nic]: markedNic = '0' } = row.externalIds;
  if (markedVmid === undefined) return 'it does not carry our mark';
  if (markedVmid !== String(vmid) || markedNic !== String(nic)) {
    return `it is marked as card ${markedNic} of ${markedVmid}`;
  }
  return undefined;
}

/** The name by its marks; a mark that cannot be is the row's business alone. */
function markedName({ externalIds }: OvsPort): string | undefined {
  const name = `vi${externalIds[OWNER_KEYS.vmid]}`;
  const nic = Number(externalIds[OWNER_KEYS.nic] ?? 0);
  const vmid = parsePortName(name)?.vmid;
  const isNic = Number.isInteger(nic) && nic >= 0 && nic <= 999;
  return vmid !== undefined && isNic ? portName(vmid, nic) : undefined;
}

/** Guests first, by VMID and NIC; then the others by name. */
function byGuest(a: PortState, b: PortState): number {
  const [one, other] = [parsePortName(a.name), parsePortName(b.name)];
  if (one && other) return one.vmid - other.vmid || one.nic - other.nic;
  if (one || other) return one ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}
