// Who of a fail-over group of containers has the group's addresses, and what has to move when that is another.

import { electHolder, type GroupMember } from '../../netmaker/address/failover.ts';
import type { LeasedAddress } from '../../netmaker/address/lease.ts';
import type { Leases } from '../../netmaker/address/leases.ts';
import type { DesiredGuest } from '../../state/desired-state.ts';
import type { AddressTransfer } from '../source.ts';
import { containerName, type DockerContainer, healthOf } from './attach.ts';

export interface ElectionParts {
  leases: Pick<Leases, 'claim'>;
  inspect: (id: string) => Promise<DockerContainer | undefined>;
  desiredGuests: () => readonly DesiredGuest[];
}

export interface Election {
  holder: string | undefined;
  addressTransfers: AddressTransfer[];
  dependents: string[];
  addresses: LeasedAddress[];
}

export const idOf = ({ guest }: DesiredGuest) => guest.id ?? '';

export class Elections {
  readonly #parts: ElectionParts;
  /** Names of groups with their holder, as the last election said. */
  readonly #holders = new Map<string, string | undefined>();
  /** Names by id of members that an election has seen; a claim comes only after its election. */
  readonly #lastKnown = new Map<string, Map<string, string>>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: ElectionParts) {
    this.#parts = parts;
  }

  /**
   * One at a time: two members that start at once must not both come out as the holder. Throws what `Leases.claim` throws.
   *
   * @param self a member that runs
   * @param except id of one that has ended
   */
  elect(group: string, self: DockerContainer | undefined, except?: string): Promise<Election> {
    const mine = this.#turn.then(() => this.#electNow(group, self, except));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #electNow(group: string, self: DockerContainer | undefined, except?: string): Promise<Election> {
    const known = this.#membersOf(group);
    const names = new Map(known);
    if (self !== undefined) names.set(self.Id, containerName(self));
    for (const id of [self?.Id, except]) known.delete(id ?? '');
    const members = await Promise.all([...known].map(([id, name]) => this.#present(id, name)));
    if (self !== undefined) members.push(memberOf(self));
    // Only who runs can be elected next time; ids of those that ended would pile up.
    const running = members.filter((member) => member.running);
    if (running.length === 0) this.#lastKnown.delete(group);
    else this.#lastKnown.set(group, new Map(running.map(({ id, name }) => [id, name])));
    const former = this.#rememberedHolder(group);
    const holder = electHolder({ members, holder: former });
    const addresses =
      holder === undefined
        ? []
        : await this.#parts.leases.claim({ key: `group:${group}`, name: group, requested: {} });
    // Not before: who is elected without an address has to be elected, and told of, again.
    this.#holders.set(group, holder);
    if (holder === former) return { holder, addresses, addressTransfers: [], dependents: [] };
    const nameOf = (id: string | undefined) => (id === undefined ? null : (names.get(id) ?? id.slice(0, 12)));
    const move = { group, addresses: addresses.map(({ address }) => address), to: nameOf(holder) };
    // The former one first: two that have an address at the same time is worse than none.
    const toResync = [former, holder].filter((id) => id !== undefined && id !== self?.Id && id !== except);
    return {
      holder,
      addresses,
      addressTransfers: [{ ...move, from: nameOf(former) }],
      dependents: toResync.filter((id) => id !== undefined),
    };
  }

  #membersOf(group: string): Map<string, string> {
    const desiredGuests = this.#parts
      .desiredGuests()
      .filter(({ ports }) => ports.some((port) => port.group === group));
    return new Map([
      ...desiredGuests.map((desiredGuest) => [idOf(desiredGuest), desiredGuest.guest.name] as const),
      ...(this.#lastKnown.get(group) ?? []),
    ]);
  }

  /** Survives a restart of the agent: the binding of the holder says so. */
  #rememberedHolder(group: string): string | undefined {
    if (this.#holders.has(group)) return this.#holders.get(group);
    const desiredGuest = this.#parts
      .desiredGuests()
      .find(({ ports }) => ports.some((port) => port.group === group && (port.shared?.length ?? 0) > 0));
    return desiredGuest === undefined ? undefined : idOf(desiredGuest);
  }

  async #present(id: string, name: string): Promise<GroupMember & { id: string }> {
    const container = await this.#parts.inspect(id);
    return container === undefined ? gone(id, name) : memberOf(container);
  }
}

function memberOf(container: DockerContainer): GroupMember {
  const { Id: id, State: state } = container;
  return {
    id,
    name: containerName(container),
    running: state.Running,
    health: healthOf(container),
    startedAt: Date.parse(state.StartedAt) || 0,
  };
}

const gone = (id: string, name: string): GroupMember => ({
  id,
  name,
  running: false,
  health: 'none',
  startedAt: 0,
});
