// For which containers the agent steps aside: those that run and whose configuration Proxmox has locked; no I/O.

/** One change seldom comes alone, and the next one finds Proxmox's names already. */
const REST_MS = 3_000;
/** After a change that Proxmox has not written down, most often because it failed: it comes once more. */
const FAILED_REST_MS = 600_000;

/** Between opening the lock and having it: until then nobody is seen to hold it. */
const TAKING_MS = 5_000;

interface State {
  /** How often the lock is open. */
  open: number;
  /** When it was opened last, milliseconds of the epoch. */
  at: number;
  /** When the guest's NICs were given back for it, milliseconds of the epoch. */
  since?: number;
  /** Until when they stay so, after the lock was closed. */
  until?: number;
}

export interface SteppingAsideParts {
  /** Whether the container runs and has a NIC on a bridge of Open vSwitch. */
  hasNics: (vmid: number) => boolean;
  /** Whether it has a network device at all: one that does not run has none. */
  runs: (vmid: number) => boolean;
  /** Its NICs are to be under Proxmox's names from now on; at once. */
  onAside: (vmid: number) => void;
  /** They may have ours again, after so many milliseconds. */
  onOver: (vmid: number, ms: number) => void;
  /** Whether its configuration was written since then, milliseconds of the epoch. */
  isWrittenSince: (vmid: number, since: number) => Promise<boolean>;
  /** Milliseconds of the epoch. */
  now: () => number;
}

export interface SteppingAside {
  opened(vmid: number): void;
  closed(vmid: number): Promise<void>;
  /** Whose locks are held now, however that came to be; others are closed, except those that were opened just now. */
  resync(held: ReadonlySet<number>): void;
  /** The guest starts, in this very lock or another one: Proxmox has no change to make any more. */
  starts(vmid: number): void;
  /** Whether any lock is open. */
  isAnyOpen(): boolean;
  /** Milliseconds for which its NICs are Proxmox's, `Infinity` while the lock is open, 0 when they are not. */
  remaining(vmid: number): number;
}

export function openSteppingAside(parts: SteppingAsideParts): SteppingAside {
  const { now } = parts;
  const states = new Map<number, State>();

  const aside = (vmid: number, state: State) => {
    if (!parts.hasNics(vmid)) return;
    state.since = now();
    delete state.until;
    parts.onAside(vmid);
  };
  const over = async (vmid: number, state: State) => {
    const { since } = state;
    if (since === undefined) {
      states.delete(vmid);
      return;
    }
    state.until = now() + REST_MS;
    if (!(await parts.isWrittenSince(vmid, since)) && state.until !== undefined && state.open === 0) {
      state.until = now() + FAILED_REST_MS;
    }
    if (state.open === 0 && state.until !== undefined) parts.onOver(vmid, state.until - now());
  };
  const remaining = (vmid: number): number => {
    const state = states.get(vmid);
    if (state?.since === undefined) return 0;
    if (state.until === undefined) return Number.POSITIVE_INFINITY;
    const ms = Math.max(0, state.until - now());
    if (ms === 0) states.delete(vmid);
    return ms;
  };

  return {
    remaining,
    isAnyOpen: () => [...states.values()].some(({ open }) => open > 0),
    opened(vmid) {
      const state = states.get(vmid) ?? { open: 0, at: 0 };
      states.set(vmid, state);
      state.open++;
      state.at = now();
      // It was stopped in the lock before: what begins now is a start, and what went wrong is over.
      if (!parts.runs(vmid)) {
        delete state.since;
        delete state.until;
      }
      aside(vmid, state);
    },
    async closed(vmid) {
      const state = states.get(vmid);
      if (state === undefined || state.open === 0) return;
      state.open--;
      if (state.open === 0) await over(vmid, state);
      // Somebody waited for the lock while the guest started in it.
      else if (state.since === undefined) aside(vmid, state);
    },
    resync(held) {
      for (const [vmid, state] of states) {
        if (held.has(vmid) || state.open === 0 || now() - state.at < TAKING_MS) continue;
        state.open = 0;
        void over(vmid, state);
      }
      for (const vmid of held) if ((states.get(vmid)?.open ?? 0) === 0) this.opened(vmid);
    },
    starts(vmid) {
      const state = states.get(vmid);
      if (state === undefined) return;
      delete state.since;
      delete state.until;
      if (state.open === 0) states.delete(vmid);
    },
  };
}
