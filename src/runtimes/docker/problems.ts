// What keeps containers from being attached: for those who ask of one, and for whom it is told to.

import { type AgentError, asAgentError } from '../../core/lib/errors.ts';
import type { DockerParts } from './parts.ts';

export class ContainerProblems {
  readonly #report: DockerParts['onProblem'];
  readonly #byId = new Map<string, string>();
  /** Ids of containers of which Docker says what we do not understand. */
  readonly #unreadable = new Set<string>();

  constructor(report: DockerParts['onProblem']) {
    this.#report = report;
  }

  of(id: string): string | undefined {
    return this.#byId.get(id);
  }

  /** @param problem undefined when nothing keeps it; what its owner should hear of wherever they look */
  settle(id: string, name: string, problem: AgentError | undefined): void {
    this.#byId.delete(id);
    this.#report(name, problem);
  }

  /** The container was to be attached and could not be. */
  note(id: string, name: string, problem: AgentError): void {
    this.#byId.set(id, problem.reason);
    this.#report(name, problem);
  }

  forget(id: string): void {
    this.#byId.delete(id);
  }

  /** Nobody knows its name then. `error` is undefined when it can be read. */
  noteUnreadable(id: string, error: unknown): void {
    const name = id.slice(0, 12);
    if (error === undefined && !this.#unreadable.delete(id)) return;
    if (error !== undefined) this.#unreadable.add(id);
    this.#report(
      name,
      error === undefined ? undefined : asAgentError(error, 'container-not-attachable', name),
    );
  }

  /** Only containers that run can be unreadable. */
  keepUnreadable(running: ReadonlySet<string>): void {
    for (const id of this.#unreadable) if (!running.has(id)) this.noteUnreadable(id, undefined);
  }
}
