// What the ledger says of a step: names, not internals; pure.

import type { JsonObject } from '../core/lib/json.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import type { Step } from '../core/plan/steps.ts';

/** `data` of the intent and outcome blocks of a step. */
export function stepData(step: Step): JsonObject {
  switch (step.kind) {
    case 'create_bridge':
    case 'restore_bridge':
      return { bridge: step.bridge };
    case 'create_veth':
      return {
        ...portData(step.desired),
        guest_interface: step.veth.guestInterface,
        mac: step.veth.mac,
        ...(step.desired.why !== undefined && { why: step.desired.why }),
      };
    case 'configure_guest':
      return {
        ...portData(step.desired),
        guest_interface: step.veth.guestInterface,
        addresses: [...step.veth.addresses],
        gateways: [...step.veth.gateways],
      };
    case 'guard_port':
      return {
        ...portData(step.desired),
        mac: step.portSecurity.mac,
        addresses: [...step.portSecurity.addresses],
        isolate: step.portSecurity.isolate,
        allow_in: [...step.portSecurity.allowIn],
        rate_in: step.portSecurity.rateIn ?? null,
        rate_out: step.portSecurity.rateOut ?? null,
      };
    case 'announce_addresses':
      return { ...portData(step.desired), group: step.desired.group ?? null, addresses: [...step.addresses] };
    case 'unguard_port':
      return { port: step.port, bridge: step.bridge, vmid: step.vmid, reason: step.reason };
    case 'disable_offload':
    case 'attach_port':
      return portData(step.desired);
    case 'mark_port':
      return portData(step.desired);
    case 'adopt_port':
    case 'hand_back_port':
      return { ...portData(step.desired), former_port: step.from.row };
    case 'detach_port':
    case 'release_port':
      return {
        port: step.port.port,
        ...(step.port.row !== step.port.port && { row: step.port.row }),
        interface: step.port.interface,
        bridge: step.port.bridge,
        reason: step.reason,
      };
    case 'drop_profiles':
      return { port: step.port, bridge: step.bridge, profiles: [...step.uuids], reason: step.reason };
    case 'delete_veth':
      return { port: step.port, interface: step.interface, reason: step.reason };
  }
}

function portData(desired: DesiredPort): JsonObject {
  return {
    port: desired.port,
    ...(desired.row !== undefined && { row: desired.row }),
    interface: desired.interface,
    bridge: desired.bridge,
    vmid: desired.guest.vmid,
    guest: desired.guest.name,
    runtime: desired.guest.runtime,
  };
}
