// Ports that somebody asks for by name: a device becomes one, or stops being one, or the caller hears why not.

import { randomUUID } from 'node:crypto';
import type { Config } from '../core/config/config.ts';
import type { Caller } from '../core/events/caller.ts';
import type { EventResult } from '../core/events/event-result.ts';
import type { ManualEvent } from '../core/events/lifecycle-event.ts';
import { parseGuestInterface } from '../core/guest/interface-name.ts';
import { factsOfGuest } from '../core/guest/runtimes.ts';
import { parsePortName, portName } from '../core/guest/vmid.ts';
import { AgentError } from '../core/lib/errors.ts';
import type { Agent } from '../reconcile/agent.ts';
import type { AttachOptions } from '../runtimes/manual/attach-options.ts';
import type { DesiredState } from '../state/desired-state.ts';

export interface ByHandParts {
  agent: Pick<Agent, 'handle'>;
  config: Config;
  desiredState: DesiredState;
  /** Gives a number to a device whose name tells none; what throws leaves none behind. */
  withVmid: (name: string, use: (vmid: number) => Promise<Attached>) => Promise<Attached>;
  /** Name of the guest that the number belongs to, also while it does not run. */
  vmidOwner: (vmid: number) => Promise<string | undefined>;
  /** Whether a plain LXC container runs. */
  lxcRuns: (name: string) => Promise<boolean>;
  /** What the host itself uses the device for, as the end of a sentence. */
  hostUse: (link: string) => Promise<string | undefined>;
  /** Whether Open vSwitch has a bridge of this name. */
  isBridge: (name: string) => boolean;
}

/** A port that was attached by hand. */
export interface Attached extends AttachOptions {
  port: string;
  vmid: number;
  nic: number;
  interface: string;
  container: string;
  bridge: string;
}

export interface ByHand {
  /**
   * @param given the VMID that was asked for; without it the device's name tells one, or it gets one.
   * Throws what kept the device from becoming a port; then nothing of the spec stays behind.
   */
  attach(
    link: string,
    name: string,
    given: number | undefined,
    caller: Caller,
    options?: AttachOptions,
  ): Promise<Attached>;
  /** @param wanted a port or its device. Throws `port-unknown`, `port-in-use`. */
  detach(wanted: string, caller: Caller): Promise<Attached>;
}

export function openByHand(parts: ByHandParts): ByHand {
  const { agent, desiredState, config } = parts;

  const attach: ByHand['attach'] = async (link, name, given, caller, options = {}) => {
    if (
      options.bridge !== undefined &&
      config.bridges[options.bridge] === undefined &&
      !parts.isBridge(options.bridge)
    )
      throw new AgentError('bridge-missing', `There is no OVS bridge ${options.bridge}`);
    const use = await parts.hostUse(link);
    if (use !== undefined) throw new AgentError('bad-argument', `${link} is no guest's device: it ${use}`);
    const bound = desiredState.bindings().find((binding) => binding.interface === link);
    if (bound && bound.vmid !== given)
      throw new AgentError('name-taken', `${link} is port ${bound.port} already`);
    const identity = parseGuestInterface(link);
    const id = given ?? identity?.vmid ?? parsePortName(link)?.vmid;
    const asGuest = (vmid: number) => attachAs(link, name, vmid, caller, options);
    return id === undefined ? parts.withVmid(link, asGuest) : asGuest(id);
  };
  const attachAs = async (
    link: string,
    name: string,
    id: number,
    caller: Caller,
    options: AttachOptions,
  ): Promise<Attached> => {
    const bindings = desiredState.bindings();
    const identity = parseGuestInterface(link);
    const nic = identity?.vmid === id ? identity.nic : 0;
    const holder = bindings.find((binding) => binding.vmid === id && binding.nic === nic);
    if (holder && holder.interface !== link) {
      throw new AgentError('name-taken', `${holder.port} belongs to ${holder.guest} (${holder.interface})`);
    }
    const owner = identity?.vmid === id ? undefined : await parts.vmidOwner(id);
    if (owner !== undefined && owner !== name && owner !== link)
      throw new AgentError('name-taken', `VMID ${id} belongs to ${owner}`);
    const guestKey = holder && { guestKey: holder.key };
    const result = await agent.handle(
      { ...manual('attach', link, name, id), nic, ...guestKey, ...options },
      caller,
    );
    // Who asked hears that it failed; nothing that they asked for stays behind to be tried again unasked.
    if (!result.ok && !holder) await agent.handle({ ...manual('detach', link, name, id), nic }, caller);
    demand(result);
    const bound = { port: portName(id, nic), vmid: id, nic, interface: link, container: name };
    const bridge = desiredState.binding(bound.port)?.bridge ?? options.bridge ?? config.default_bridge;
    return {
      ...bound,
      bridge,
      ...(options.vlan && { vlan: options.vlan }),
      ...(options.mtu && { mtu: options.mtu }),
    };
  };
  const detach: ByHand['detach'] = async (wanted, caller) => {
    const binding = desiredState
      .bindings()
      .find(({ port, interface: link }) => port === wanted || link === wanted);
    if (!binding) throw new AgentError('port-unknown', `There is no port ${wanted} of ours`);
    const { interface: link, guest, vmid: id, nic, runtime, key: guestKey } = binding;
    // A claim for a container that does not run is word of a hook that nothing else bears out.
    const { reportedBy } = factsOfGuest(runtime);
    if (reportedBy !== 'person' && (reportedBy !== 'hook' || (await parts.lxcRuns(guest)))) {
      throw new AgentError(
        'port-in-use',
        `${binding.port} belongs to the running guest ${guest} (${runtime})`,
      );
    }
    demand(await agent.handle({ ...manual('detach', link, guest, id), nic, guestKey }, caller));
    const { port, bridge } = binding;
    return { port, interface: link, bridge, vmid: id, nic, container: guest };
  };

  return { attach, detach };
}

function manual(phase: 'attach' | 'detach', link: string, name: string, id: number): ManualEvent {
  const at = new Date().toISOString();
  return { id: randomUUID(), at, source: 'manual', phase, interface: link, name, vmid: id, nic: 0 };
}

/** A port asked for by name must be there in the end, or the caller hears why not. */
function demand({ ok, message, ports }: EventResult): void {
  if (ok) return;
  const obstacle = ports.find((port) => port.code !== undefined);
  throw new AgentError(obstacle?.code ?? 'activation-failed', obstacle?.reason ?? message);
}
