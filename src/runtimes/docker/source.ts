// Docker containers: from what Docker says of them to the ports they should have.

import type { DockerEvent } from '../../core/events/lifecycle-event.ts';
import { AgentError, asAgentError, isAgentError } from '../../core/lib/errors.ts';
import { recentMap } from '../../core/lib/recent-map.ts';
import type { Resolution, Source } from '../source.ts';
import { type AttachDecision, containerName, type DockerContainer, decideAttach } from './attach.ts';
import { ContainerPort } from './container-port.ts';
import { type DockerParts, keyOf } from './parts.ts';
import { ContainerProblems } from './problems.ts';
import { openStaticAddresses } from './static-addresses.ts';

export interface DockerSource extends Source<DockerEvent> {
  /** What one container should have now. Throws `docker-unreachable`. */
  resolveNow(id: string): Promise<Resolution>;
  /** Why a running container that was meant to be attached could not be, when it was last looked at. */
  problemOf(id: string): string | undefined;
  /** Whether Docker has said which containers run, since the agent started. */
  isKnown(): boolean;
}

/** Containers that are remembered; a host has far fewer at a time. */
const REMEMBERED = 4096;

export function dockerSource(parts: DockerParts): DockerSource {
  const containers = new Containers(parts);
  return {
    resolve: (event) => containers.resolve(event),
    resolveNow: async (id) => (await containers.present(id)).resolution,
    problemOf: (id) => containers.problems.of(id),
    isKnown: () => containers.isKnown,
    current: () => containers.current(),
  };
}

class Containers {
  readonly problems: ContainerProblems;
  isKnown = false;
  readonly #parts: DockerParts;
  readonly #statics: ReturnType<typeof openStaticAddresses>;
  readonly #port: ContainerPort;
  /** By id, whether a container is ours or was meant to be. */
  readonly #ours = recentMap<boolean>(REMEMBERED);

  constructor(parts: DockerParts) {
    this.#parts = parts;
    this.problems = new ContainerProblems(parts.onProblem);
    this.#statics = openStaticAddresses(parts);
    this.#port = new ContainerPort(parts, this.#statics);
  }

  async resolve(event: DockerEvent): Promise<Resolution> {
    const wasDesired = this.#parts.desiredGuest(keyOf(event.containerId)) !== undefined;
    const resolution = await this.#resolveNow(event);
    const isOurs = wasDesired || this.#ours.get(event.containerId);
    if (event.phase === 'destroy') this.#ours.delete(event.containerId);
    return isOurs === undefined ? resolution : { ...resolution, isOurs };
  }

  async current(): Promise<{ key: string; resolution: Resolution }[] | undefined> {
    const { engine, vmids } = this.#parts;
    try {
      const running = await engine.running();
      const alive = new Set(running);
      this.#statics.keep(alive);
      this.problems.keepUnreadable(alive);
      await vmids.reconcile('docker');
      const found = await Promise.all(running.map((id) => this.present(id)));
      this.isKnown = true;
      return found;
    } catch (error) {
      if (isAgentError(error, 'docker-unreachable')) return undefined;
      throw error;
    }
  }

  /** One container that cannot be attached, or made out, must not keep the others from being looked after. */
  async present(id: string): Promise<{ key: string; resolution: Resolution }> {
    const key = keyOf(id);
    try {
      const container = await this.#parts.engine.inspect(id).catch((error: unknown) => {
        if (!isAgentError(error, 'docker-unreachable')) this.problems.noteUnreadable(id, error);
        throw error;
      });
      this.problems.noteUnreadable(id, undefined);
      if (container?.State.Running) return { key, resolution: await this.#attach(container) };
      return { key, resolution: { skipped: [], note: 'it has ended' } };
    } catch (error) {
      if (isAgentError(error, 'docker-unreachable')) throw error;
      const { reason } = asAgentError(error, 'container-not-attachable', `Container ${id.slice(0, 12)}`);
      return { key, resolution: { skipped: [reason], note: reason } };
    }
  }

  async #resolveNow(event: DockerEvent): Promise<Resolution> {
    const { engine, vmids, endpoints } = this.#parts;
    switch (event.phase) {
      case 'start':
      case 'rename':
      case 'health':
      // A replayed `die` of an earlier life must not take the port of the present one.
      case 'die': {
        const container = await engine.inspect(event.containerId);
        if (!container?.State.Running) {
          if (container) this.#decisionOn(container);
          return this.#gone(event);
        }
        const resolution = await this.#attach(container);
        // A health check runs every few seconds: why the container has no port was told at its start.
        return event.phase === 'health' ? { ...resolution, skipped: [] } : resolution;
      }
      case 'destroy':
        if (!this.#isNameInUse(event)) await vmids.release('docker', event.name);
        await endpoints?.removed(event.containerId);
        return this.#gone(event);
    }
  }

  async #attach(container: DockerContainer): Promise<Resolution> {
    const { Id: id } = container;
    const name = containerName(container);
    this.problems.forget(id);
    try {
      const { problem, ...resolution } = await this.#resolutionOf(container);
      this.#parts.onProblem(name, problem);
      return resolution;
    } catch (error) {
      this.problems.note(id, name, asAgentError(error, 'container-not-attachable', name));
      throw error;
    }
  }

  /** `problem`: what its owner should hear of wherever they look. */
  async #resolutionOf(
    container: DockerContainer,
  ): Promise<Resolution & { problem?: AgentError | undefined }> {
    const decision = this.#decisionOn(container);
    if (container.areLabelsUnknown && this.#isHeld(container)) {
      return { skipped: [], note: 'it stays as it is' };
    }
    if (!decision.attach) {
      // What looks like Netmaker's and is left out is told as well.
      const { isMistake, reason } = decision;
      const skipped = decision.selected || decision.considered ? [reason] : [];
      const problem = isMistake ? new AgentError('container-not-attachable', reason) : undefined;
      return { ports: [], skipped, note: reason, problem };
    }
    if (decision.role !== undefined && this.#parts.endpoints?.isWithdrawn()) {
      const note = 'public addresses are taken back';
      return { ports: [], skipped: [], note, problem: new AgentError('addresses-withdrawn', note) };
    }
    return this.#port.of(container, decision);
  }

  #decisionOn(container: DockerContainer): AttachDecision {
    const decision = decideAttach(container, this.#parts.rules());
    this.#ours.set(container.Id, decision.attach || decision.selected || decision.considered);
    return decision;
  }

  /** Whether this very run of the container has its port already. */
  #isHeld({ Id, State }: DockerContainer): boolean {
    return this.#parts.desiredGuest(keyOf(Id))?.ports.some(({ veth }) => veth?.pid === State.Pid) === true;
  }

  /** The next container of that name is there already: the number is its. */
  #isNameInUse({ name, containerId }: DockerEvent): boolean {
    return this.#parts
      .desiredGuests()
      .some(({ guest }) => guest.runtime === 'docker' && guest.name === name && guest.id !== containerId);
  }

  async #gone(event: DockerEvent): Promise<Resolution> {
    const { desiredGuest, endpoints } = this.#parts;
    this.problems.settle(event.containerId, event.name, undefined);
    this.#statics.drop(event.containerId);
    const guest = desiredGuest(keyOf(event.containerId))?.guest;
    const after = await endpoints?.ended(event.containerId);
    return { ...(guest && { guest }), ports: [], skipped: [], note: 'its ports are gone', ...after };
  }
}
