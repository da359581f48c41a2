// Docker containers: from what Docker says of them to the ports they should have.

import { createHash } from 'node:crypto';
import type { DockerEvent } from '../../core/events/lifecycle-event.ts';
import type { Guest } from '../../core/guest/guest.ts';
import { portName } from '../../core/guest/vmid.ts';
import type { FormerNetwork } from '../../core/kernel/veth-request.ts';
import { parseIp } from '../../core/lib/cidr.ts';
import { AgentError, asAgentError, isAgentError } from '../../core/lib/errors.ts';
import { recentMap } from '../../core/lib/recent-map.ts';
import type { DesiredPort } from '../../core/plan/desired.ts';
import type { Binding, Claim } from '../../state/desired-state.ts';
import type { Vmids } from '../../state/vmids.ts';
import type { Resolution, Source } from '../source.ts';
import {
  type AttachDecision,
  type AttachRules,
  containerName,
  type DockerContainer,
  decideAttach,
} from './attach.ts';
import { nameserversOf } from './nameservers.ts';
import type { NetmakerEndpoints } from './netmaker-endpoints.ts';
import { openStaticAddresses } from './static-addresses.ts';

/** The Docker engine, as far as we ask it. */
export interface DockerEngine {
  /** Undefined when there is no such container. Throws `docker-unreachable`. */
  inspect(id: string): Promise<DockerContainer | undefined>;
  /** Ids of the containers that run; one that is paused does, and has its network. */
  running(): Promise<string[]>;
  /** Ids of all containers that there are, also those that do not run. */
  existing(): Promise<string[]>;
}

export interface DockerParts {
  engine: DockerEngine;
  /** Read anew each time. */
  rules: () => AttachRules;
  vmids: Vmids;
  /** Makes MAC addresses differ between hosts. */
  machineId: string;
  claim: (key: string) => Claim | undefined;
  claims: () => readonly Claim[];
  /** What is known of a port that is usable, or was when it was last looked at. */
  binding: (port: string) => Binding | undefined;
  /** Addresses and rules for Netmaker's containers; undefined when the configuration leaves that out. */
  endpoints: NetmakerEndpoints | undefined;
  /** What keeps a container from being attached, by its name; undefined when nothing does any more. */
  onProblem: (name: string, problem: AgentError | undefined) => void;
  /** The host's own addresses on a bridge, without prefix length. */
  addressesOf: (bridge: string) => readonly string[];
  /** The bridge that their addresses are for. */
  publicBridge: string;
}

export interface DockerSource extends Source<DockerEvent> {
  /** What one container should have now. Throws `docker-unreachable`. */
  look(id: string): Promise<Resolution>;
  /** Why a running container that was meant to be attached could not be, when it was last looked at. */
  problemOf(id: string): string | undefined;
  /** Whether Docker has said which containers run, since the agent started. */
  isKnown(): boolean;
}

/** Containers that are remembered; a host has far fewer at a time. */
const REMEMBERED = 4096;

export function dockerSource(parts: DockerParts): DockerSource {
  const problems = new Map<string, string>();
  /** Ids of containers of which Docker says what we do not understand. */
  const unreadable = new Set<string>();
  const statics = openStaticAddresses(parts);
  /** By id, whether a container is ours or was meant to be. */
  const ours = recentMap<boolean>(REMEMBERED);
  let known = false;

  const attach = async (container: DockerContainer): Promise<Resolution> => {
    const name = containerName(container);
    problems.delete(container.Id);
    try {
      const { problem, ...resolution } = await resolutionOf(container);
      parts.onProblem(name, problem);
      return resolution;
    } catch (error) {
      const problem = asAgentError(error, 'container-not-attachable', name);
      problems.set(container.Id, problem.reason);
      parts.onProblem(name, problem);
      throw error;
    }
  };

  const decisionOn = (container: DockerContainer): AttachDecision => {
    const decision = decideAttach(container, parts.rules());
    ours.set(container.Id, decision.attach || decision.selected || decision.considered);
    return decision;
  };

  /** Whether this very run of the container has its port already. */
  const isHeld = ({ Id, State }: DockerContainer) =>
    parts.claim(keyOf(Id))?.ports.some(({ veth }) => veth?.pid === State.Pid) === true;

  /** `problem`: what its owner should hear of wherever they look. */
  const resolutionOf = async (
    container: DockerContainer,
  ): Promise<Resolution & { problem?: AgentError | undefined }> => {
    const name = containerName(container);
    const decision = decisionOn(container);
    if (container.areLabelsUnknown && isHeld(container)) return { skipped: [], note: 'it stays as it is' };
    if (!decision.attach) {
      // What looks like Netmaker's and is left out is told as well.
      const { isMistake, reason } = decision;
      const skipped = decision.selected || decision.considered ? [reason] : [];
      const problem = isMistake ? new AgentError('container-not-attachable', reason) : undefined;
      return { ports: [], skipped, note: reason, problem };
    }
    if (decision.role !== undefined && parts.endpoints?.isWithdrawn()) {
      const note = 'public addresses are taken back';
      return { ports: [], skipped: [], note, problem: new AgentError('addresses-withdrawn', note) };
    }
    return withVmid(container, name, decision.vmid, (vmid) => attached(container, decision, vmid));
  };

  const attached = async (
    container: DockerContainer,
    decision: Extract<AttachDecision, { attach: true }>,
    vmid: number,
  ): Promise<Resolution> => {
    const name = containerName(container);
    const guest: Guest = { runtime: 'docker', vmid, name, id: container.Id };
    const port = portName(vmid);
    const card = cardOf(container, port, decision.interface);
    const { mac } = card;
    const { role, bridge } = decision;
    const isPublic = role !== undefined && parts.endpoints !== undefined && bridge === parts.publicBridge;
    const endpoint = isPublic ? await parts.endpoints?.of(container, decision, { port, mac }) : undefined;
    statics.claim({ id: container.Id, name }, bridge, endpoint?.own ?? [decision.address ?? []].flat());
    const gateways = endpoint?.gateways ?? [decision.gateway ?? []].flat();
    const wish: DesiredPort = {
      port,
      // The veth is ours, so that host end and port can have one name.
      interface: port,
      bridge: decision.bridge,
      guest,
      nic: 0,
      why: role === undefined ? decision.reason : `${role}: ${decision.reason}`,
      veth: {
        pid: container.State.Pid,
        ...card,
        addresses: endpoint?.addresses ?? [decision.address ?? []].flat(),
        gateways,
        // Without a new default route they are reached as ever.
        nameservers: gateways.length === 0 ? [] : await nameserversOf(container),
        networks: networksOf(container),
      },
      ...endpoint?.port,
    };
    const { moves = [], others = [] } = endpoint ?? {};
    return { guest, ports: [wish], skipped: [], note: decision.reason, moves, others };
  };

  const keyOf = (id: string) => `docker:${id}`;

  /** A running container keeps its number whatever it is called meanwhile; a new one gets that of its name. */
  const withVmid = async (
    container: DockerContainer,
    name: string,
    wanted: number | undefined,
    use: (vmid: number) => Promise<Resolution>,
  ): Promise<Resolution> => {
    const held = parts.claim(keyOf(container.Id))?.guest;
    if (held === undefined || (wanted !== undefined && wanted !== held.vmid)) {
      return parts.vmids.claimFor('docker', name, wanted, use);
    }
    if (held.name !== name) await parts.vmids.rename('docker', held.name, name);
    return use(held.vmid);
  };

  /** A container that runs keeps the name that its interface has, whatever the configuration says by now. */
  const cardOf = ({ Id: id, State: { Pid: pid } }: DockerContainer, port: string, wanted: string) => {
    const had = parts.binding(port);
    if (had?.id === id && had.veth?.pid === pid) {
      return { guestInterface: had.veth.guestInterface, mac: had.veth.mac };
    }
    return { guestInterface: wanted, mac: macOf(parts.machineId, port, wanted) };
  };

  const gone = async (event: DockerEvent): Promise<Resolution> => {
    problems.delete(event.containerId);
    statics.drop(event.containerId);
    parts.onProblem(event.name, undefined);
    const guest = parts.claim(keyOf(event.containerId))?.guest;
    const after = await parts.endpoints?.ended(event.containerId);
    return { ...(guest && { guest }), ports: [], skipped: [], note: 'its ports are gone', ...after };
  };

  /** The next container of that name is there already: the number is its. */
  const isNameInUse = ({ name, containerId }: DockerEvent) =>
    parts
      .claims()
      .some(({ guest }) => guest.runtime === 'docker' && guest.name === name && guest.id !== containerId);

  /** Nobody knows its name then. */
  const noteUnreadable = (id: string, error: unknown): void => {
    const name = id.slice(0, 12);
    if (error === undefined && !unreadable.delete(id)) return;
    if (error !== undefined) unreadable.add(id);
    parts.onProblem(
      name,
      error === undefined ? undefined : asAgentError(error, 'container-not-attachable', name),
    );
  };

  /** One container that cannot be attached, or made out, must not keep the others from being looked after. */
  const present = async (id: string): Promise<{ key: string; resolution: Resolution }> => {
    const key = keyOf(id);
    try {
      const container = await parts.engine.inspect(id).catch((error: unknown) => {
        if (!isAgentError(error, 'docker-unreachable')) noteUnreadable(id, error);
        throw error;
      });
      noteUnreadable(id, undefined);
      if (container?.State.Running) return { key, resolution: await attach(container) };
      return { key, resolution: { skipped: [], note: 'it has ended' } };
    } catch (error) {
      if (isAgentError(error, 'docker-unreachable')) throw error;
      const { reason } = asAgentError(error, 'container-not-attachable', `Container ${id.slice(0, 12)}`);
      return { key, resolution: { skipped: [reason], note: reason } };
    }
  };

  const resolveNow = async (event: DockerEvent): Promise<Resolution> => {
    switch (event.phase) {
      case 'start':
      case 'rename':
      case 'health':
      // A replayed `die` of an earlier life must not take the port of the present one.
      case 'die': {
        const container = await parts.engine.inspect(event.containerId);
        if (!container?.State.Running) {
          if (container) decisionOn(container);
          return gone(event);
        }
        const resolution = await attach(container);
        // A health check runs every few seconds: why the container has no port was told at its start.
        return event.phase === 'health' ? { ...resolution, skipped: [] } : resolution;
      }
      case 'destroy':
        if (!isNameInUse(event)) await parts.vmids.release('docker', event.name);
        await parts.endpoints?.removed(event.containerId);
        return gone(event);
    }
  };

  return {
    async resolve(event) {
      const hadClaim = parts.claim(keyOf(event.containerId)) !== undefined;
      const resolution = await resolveNow(event);
      const isOurs = hadClaim || ours.get(event.containerId);
      if (event.phase === 'destroy') ours.delete(event.containerId);
      return isOurs === undefined ? resolution : { ...resolution, isOurs };
    },

    look: async (id) => (await present(id)).resolution,
    problemOf: (id) => problems.get(id),
    isKnown: () => known,

    async current() {
      try {
        const running = await parts.engine.running();
        const alive = new Set(running);
        statics.keep(alive);
        for (const id of unreadable) if (!alive.has(id)) noteUnreadable(id, undefined);
        await parts.vmids.look('docker');
        const found = await Promise.all(running.map(present));
        known = true;
        return found;
      } catch (error) {
        if (isAgentError(error, 'docker-unreachable')) return undefined;
        throw error;
      }
    },
  };
}

/** Without what is no address: Docker leaves fields empty that do not apply. */
function networksOf({ NetworkSettings: settings }: DockerContainer): FormerNetwork[] {
  const known = (texts: readonly string[]) => texts.flatMap((text) => parseIp(text)?.text ?? []);
  return Object.values(settings?.Networks ?? {})
    .flatMap((network) => network ?? [])
    .map((network) => ({
      id: network.EndpointID,
      addresses: known([network.IPAddress, network.GlobalIPv6Address]),
      gateways: known([network.Gateway, network.IPv6Gateway]),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** A locally administered unicast address that goes with the port: names change hands while both containers run. */
function macOf(machineId: string, port: string, link: string): string {
  const digest = createHash('sha256').update(`${machineId}\0${port}\0${link}`).digest();
  return ['02', ...[...digest.subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}
