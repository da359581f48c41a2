// The closed list of things the agent can do to a host, each with the words the ledger has for it.

import type { VethPeer, VethRequest } from '../kernel/veth-request.ts';
import type { Category } from '../ledger/categories.ts';
import type { DesiredPort } from './desired.ts';
import type { DriverName, ObservedPort } from './observed.ts';
import type { PortSecurity } from './port-security.ts';

export type Step =
  | { kind: 'create_bridge'; bridge: string; driver: DriverName }
  | { kind: 'restore_bridge'; bridge: string; driver: DriverName }
  | { kind: 'create_veth'; desired: DesiredPort; veth: VethRequest; offload: boolean }
  | { kind: 'configure_guest'; desired: DesiredPort; veth: VethRequest; offload: boolean }
  | { kind: 'disable_offload'; desired: DesiredPort; peer: VethPeer }
  | { kind: 'attach_port'; desired: DesiredPort; driver: DriverName }
  | { kind: 'adopt_port'; desired: DesiredPort; from: ObservedPort; driver: DriverName }
  /** Writes our marks on a row that keeps its name. */
  | { kind: 'mark_port'; desired: DesiredPort; row: ObservedPort }
  /** Gives the NIC back under the name that Proxmox looks for. */
  | { kind: 'hand_back_port'; desired: DesiredPort; from: ObservedPort }
  /** Lets the port send and receive what its guest may, and nothing else. */
  | { kind: 'guard_port'; desired: DesiredPort; portSecurity: PortSecurity }
  /** Tells neighbours at once which port has addresses that move between guests. */
  | { kind: 'announce_addresses'; desired: DesiredPort; addresses: readonly string[] }
  | { kind: 'unguard_port'; port: string; bridge: string; vmid: number; reason: string }
  | { kind: 'detach_port'; port: ObservedPort; reason: string }
  /** Takes our marks off a row that somebody else plugged. */
  | { kind: 'release_port'; port: ObservedPort; reason: string }
  | {
      kind: 'drop_profiles';
      driver: DriverName;
      port: string;
      bridge: string;
      uuids: readonly string[];
      reason: string;
    }
  | { kind: 'delete_veth'; interface: string; port: string; reason: string };

export type StepKind = Step['kind'];

/** One function per kind of step; the type makes a missing one a compile error. */
export type Executors<Result> = { [K in StepKind]: (step: Extract<Step, { kind: K }>) => Promise<Result> };

/** Ledger category and actions of a step: what we set out to do, that it is done, that it failed. */
export const STEP_ACTIONS = {
  create_bridge: actions('bridge', 'bridge_create', 'bridge_created'),
  restore_bridge: actions('bridge', 'bridge_restore', 'bridge_restored'),
  create_veth: actions('interface', 'interface_create', 'interface_created'),
  configure_guest: actions('interface', 'interface_configure', 'interface_configured'),
  disable_offload: actions('interface', 'offload_disable', 'offload_disabled'),
  attach_port: actions('port', 'port_attach', 'port_attached'),
  adopt_port: actions('port', 'port_adopt', 'port_adopted'),
  mark_port: actions('port', 'port_mark', 'port_marked'),
  hand_back_port: actions('port', 'port_hand_back', 'port_handed_back'),
  guard_port: actions('port', 'port_guard', 'port_guarded'),
  announce_addresses: actions('connectivity', 'address_announce', 'address_announced'),
  unguard_port: actions('port', 'port_unguard', 'port_unguarded'),
  detach_port: actions('port', 'port_detach', 'port_detached'),
  release_port: actions('port', 'port_release', 'port_released'),
  drop_profiles: actions('connection', 'connection_remove', 'connection_removed'),
  delete_veth: actions('interface', 'interface_remove', 'interface_removed'),
} satisfies Readonly<Record<StepKind, ReturnType<typeof actions>>>;

type Words = (typeof STEP_ACTIONS)[StepKind];
/** Every action that a step's blocks can have. */
export type StepAction = Words['intent' | 'done' | 'failed'] | `${Words['intent']}_interrupted`;

function actions<C extends Category, Intent extends string, Done extends string>(
  category: C,
  intent: Intent,
  done: Done,
) {
  return { category, intent, done, failed: `${intent}_failed` as const };
}

/** The port a step belongs to, or the bridge for a step that is about a whole bridge. */
export function subjectOf(step: Step): string {
  switch (step.kind) {
    case 'create_bridge':
    case 'restore_bridge':
      return step.bridge;
    case 'create_veth':
    case 'configure_guest':
    case 'disable_offload':
    case 'attach_port':
    case 'adopt_port':
    case 'mark_port':
    case 'hand_back_port':
    case 'guard_port':
    case 'announce_addresses':
      return step.desired.port;
    case 'detach_port':
    case 'release_port':
      return step.port.port;
    case 'drop_profiles':
    case 'delete_veth':
    case 'unguard_port':
      return step.port;
  }
}
