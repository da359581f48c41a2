// Who has which well-known name now, so that a signal is believed only when it comes from the service itself.

export interface NameOwnerParts {
  /** Has the bus tell each change of the name's owner from now on. */
  watch(name: string): Promise<void>;
  /** The unique name of the owner, or undefined. */
  ask(name: string): Promise<string | undefined>;
}

export interface NameOwners {
  /** Resolves when it is known who owns the name; from then on `changed` keeps it so. */
  know(name: string): Promise<void>;
  changed(name: string, owner: string): void;
  /** Whether `sender`, as it stands in a message, is the service that a rule names. */
  isFrom(service: string, sender: string | undefined): boolean;
}

/** `daemon`: the bus itself, which sends under its well-known name. */
export function nameOwners(daemon: string, { watch, ask }: NameOwnerParts): NameOwners {
  const owners = new Map<string, string | undefined>();
  const asked = new Map<string, Promise<void>>();
  const isItself = (name: string) => name.startsWith(':') || name === daemon;

  const asking = new Set<string>();
  const learn = async (name: string) => {
    owners.set(name, undefined);
    await watch(name);
    asking.add(name);
    const owner = await ask(name);
    // A change that was told meanwhile is as new as the answer, or newer.
    if (asking.delete(name)) owners.set(name, owner);
  };

  return {
    async know(name) {
      if (isItself(name)) return;
      const knowing = asked.get(name) ?? learn(name);
      asked.set(name, knowing);
      try {
        await knowing;
      } catch (error) {
        asked.delete(name);
        throw error;
      }
    },
    changed(name, owner) {
      asking.delete(name);
      if (owners.has(name)) owners.set(name, owner || undefined);
    },
    isFrom: (service, sender) =>
      sender !== undefined && (isItself(service) ? service : owners.get(service)) === sender,
  };
}
