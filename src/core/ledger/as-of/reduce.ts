// From one block to the next: what it changes of what was there. Only outcomes and what simply is so count; an intent changes nothing.
import type { JsonObject } from '../../lib/json.ts';
import { objectOf, portsIn } from '../../lib/json-value.ts';
import type { HashedBlock } from '../block.ts';
import { numberOrNull, type PortThen, type Rules, type StateThen, textOrNull, textsIn } from './state.ts';

type Change = (state: StateThen, data: JsonObject, block: HashedBlock) => void;

const stamp = ({ height, timestamp }: HashedBlock) => ({ since: height, at: timestamp });

/** What is known of it stays, unless the block says otherwise. */
const portIsThere: Change = (state, data, block) => {
  const name = textOrNull(data, 'port');
  if (name === null) return;
  const known = state.ports.get(name);
  const link = state.links.get(name);
  const said = <T>(value: T | null, before: T | null | undefined): T | null => value ?? before ?? null;
  const port: PortThen = {
    port: name,
    interface: said(textOrNull(data, 'interface'), known?.interface),
    bridge: said(textOrNull(data, 'bridge'), known?.bridge),
    vmid: said(numberOrNull(data, 'vmid'), known?.vmid),
    guest: said(textOrNull(data, 'guest'), known?.guest),
    runtime: said(textOrNull(data, 'runtime'), known?.runtime),
    driver: said(textOrNull(data, 'driver'), known?.driver),
    ofport: said(numberOrNull(data, 'ofport'), known?.ofport),
    mac: said(known?.mac ?? null, link?.mac),
    addresses: known?.addresses ?? link?.addresses ?? [],
    rules: known?.rules ?? null,
    held: null,
    ...(known ? { since: known.since, at: known.at } : stamp(block)),
  };
  state.ports.set(name, port);
};

const portIsGone: Change = (state, data) => {
  for (const name of portsIn(data)) {
    state.ports.delete(name);
    state.links.delete(name);
  }
};

const byPresence =
  (isThere: Change | undefined, isGone: Change): Change =>
  (state, data, block) => {
    if (data.present_now === true) isThere?.(state, data, block);
    else if (data.present_now === false) isGone(state, data, block);
  };

function onPort(change: (port: PortThen, data: JsonObject) => void): Change {
  return (state, data) => {
    const port = state.ports.get(textOrNull(data, 'port') ?? '');
    if (port) change(port, data);
  };
}

function rulesOf(data: JsonObject): Rules {
  return {
    mac: textOrNull(data, 'mac'),
    addresses: textsIn(data, 'addresses'),
    isolate: data.isolate === true,
    allow_in: textsIn(data, 'allow_in'),
    rate_in: numberOrNull(data, 'rate_in'),
    rate_out: numberOrNull(data, 'rate_out'),
  };
}

function setLink(more: (data: JsonObject) => Partial<{ mac: string | null; addresses: string[] }>): Change {
  return (state, data) => {
    const name = textOrNull(data, 'port');
    if (name === null) return;
    const link = { mac: null, addresses: [], ...state.links.get(name), ...more(data) };
    state.links.set(name, link);
    const port = state.ports.get(name);
    if (port) Object.assign(port, link);
  };
}

const announced: Change = (state, data, block) => {
  for (const address of textsIn(data, 'addresses'))
    state.leases.set(address, {
      address,
      guest: textOrNull(data, 'guest'),
      port: textOrNull(data, 'port'),
      group: textOrNull(data, 'group'),
      ...sameSince(state, address, textOrNull(data, 'guest'), block),
    });
};

/** It is told again with each start; who has it has had it since the first time. */
function sameSince(state: StateThen, address: string, guest: string | null, block: HashedBlock) {
  const known = state.leases.get(address);
  return known && known.guest === guest ? { since: known.since, at: known.at } : stamp(block);
}

const moved: Change = (state, data, block) => {
  const to = textOrNull(data, 'to');
  const group = textOrNull(data, 'group');
  for (const address of textsIn(data, 'addresses')) {
    if (to === null) state.leases.delete(address);
    else {
      const port = [...state.ports.values()].find(({ guest }) => guest === to)?.port ?? null;
      state.leases.set(address, { address, guest: to, port, group, ...sameSince(state, address, to, block) });
    }
  }
};

const leaseReleased: Change = (state, data) => {
  const key = textOrNull(data, 'key') ?? '';
  const group = key.startsWith('group:') ? key.slice('group:'.length) : undefined;
  const guest = state.containers.get(key.replace(/^docker:/, ''));
  for (const [address, lease] of state.leases) {
    const isIts = group === undefined ? guest !== undefined && lease.guest === guest : lease.group === group;
    if (isIts) state.leases.delete(address);
  }
};

const bridgeIsThere: Change = (state, data, block) => {
  const bridge = textOrNull(data, 'bridge');
  if (bridge === null) return;
  const known = state.bridges.get(bridge);
  state.bridges.set(bridge, {
    bridge,
    driver: textOrNull(data, 'driver') ?? known?.driver ?? null,
    ...(known ? { since: known.since, at: known.at } : stamp(block)),
  });
};

const bridgeIsGone: Change = (state, data) => {
  state.bridges.delete(textOrNull(data, 'bridge') ?? '');
};

const gatewaySet: Change = (state, data, block) => {
  const bridge = textOrNull(data, 'bridge');
  if (bridge === null) return;
  const mode = textOrNull(data, 'mode') ?? '';
  state.gateways.set(bridge, { bridge, mode, published: textsIn(data, 'published'), ...stamp(block) });
};

const gatewayClosed: Change = (state, data) => {
  state.gateways.delete(textOrNull(data, 'bridge') ?? '');
};

const agentIs =
  (running: boolean): Change =>
  (state, data, block) => {
    const version = textOrNull(data, 'version') ?? state.agent?.version ?? null;
    state.agent = { running, version, ...stamp(block) };
  };

/** What a container's name is; its events have its id. */
const containerSeen: Change = (state, data) => {
  const id = textOrNull(data, 'container_id');
  const name = textOrNull(data, 'guest') ?? textOrNull(data, 'name');
  if (id !== null && name !== null) state.containers.set(id, name);
};

/** By action; what is not here changes nothing of these. */
const CHANGES: Readonly<Record<string, Change>> = {
  agent_started: agentIs(true),
  agent_stopped: agentIs(false),
  bridge_created: bridgeIsThere,
  bridge_restored: bridgeIsThere,
  bridge_create_interrupted: byPresence(bridgeIsThere, bridgeIsGone),
  interface_created: setLink((data) => ({ mac: textOrNull(data, 'mac') })),
  interface_configured: setLink((data) => ({ addresses: textsIn(data, 'addresses') })),
  port_attached: portIsThere,
  port_adopted: portIsThere,
  port_marked: portIsThere,
  port_found: portIsThere,
  port_attach_interrupted: byPresence(portIsThere, portIsGone),
  port_adopt_interrupted: byPresence(portIsThere, portIsGone),
  port_mark_interrupted: byPresence(portIsThere, portIsGone),
  port_detached: portIsGone,
  port_released: portIsGone,
  port_handed_back: portIsGone,
  port_gone: portIsGone,
  port_detach_interrupted: byPresence(undefined, portIsGone),
  port_release_interrupted: byPresence(undefined, portIsGone),
  port_hand_back_interrupted: byPresence(undefined, portIsGone),
  port_held: onPort((port, data) => {
    port.held = textOrNull(data, 'reason');
  }),
  port_guarded: onPort((port, data) => {
    port.rules = rulesOf(data);
    port.mac = textOrNull(data, 'mac') ?? port.mac;
  }),
  port_unguarded: onPort((port) => {
    port.rules = null;
  }),
  address_announced: announced,
  address_moved: moved,
  lease_released: leaseReleased,
  gateway_set: gatewaySet,
  gateway_closed: gatewayClosed,
  guest_start: containerSeen,
  guest_rename: containerSeen,
  endpoint_attested: containerSeen,
};

/** All actions that change something. */
export const STATE_ACTIONS: readonly string[] = Object.keys(CHANGES);

/** Takes in a block; blocks come in order of height. */
export function takeIn(state: StateThen, block: HashedBlock): void {
  state.height = block.height;
  state.at = block.timestamp;
  if (block.metadata.kind === 'intent' || !Object.hasOwn(CHANGES, block.action)) return;
  CHANGES[block.action]?.(state, objectOf(block.data), block);
}
