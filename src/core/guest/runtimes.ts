// What the rest of the product may know of a runtime: facts that others ask for, so that none of them names a runtime.

/** What is known of guests of one word. */
export interface GuestFacts {
  /** The command that starts one, before its VMID. */
  readonly start?: string;
  /** NICs of one that runs are changed while its lock is open, and the agent has to see that in time. */
  readonly isChangedUnderLock?: boolean;
}

/** What is known of all guests of one runtime. */
export interface RuntimeFacts {
  /** By the words that its guests carry in ledgers, rows and files. */
  readonly guests: Readonly<Record<string, GuestFacts>>;
  /**
   * Who tells that a guest is there: the runtime itself can be asked, a hook alone says it and nothing bears it out while the
   * guest does not run, or a person did by hand.
   */
  readonly reportedBy: 'runtime' | 'hook' | 'person';
  /** Its tools call a guest by its VMID: the guest is looked at again, found in the ledger and shown by that number. */
  readonly isKnownByVmid: boolean;
  /** A guest may come without a number, and gets one that is remembered by its name. */
  readonly isNumberedByUs: boolean;
  /** A name of digits is the guest's VMID. */
  readonly isNameVmid: boolean;
  /** The agent makes the guest's network device; elsewhere the runtime does, or somebody by hand. */
  readonly isDeviceOurs: boolean;
  /** The runtime looks for a guest's port under the name of its device, so that a port may have to keep or get back that name. */
  readonly looksForDeviceName: boolean;
  /** What must not overtake one another: what goes by the guest's key, or by its name, which changes hands. */
  readonly queuedBy: 'key' | 'name';
  /** Which of its events are worth a block: a runtime that tells of everybody's guests is recorded only where they are ours. */
  readonly recorded: 'all' | 'ours';
  /** Its backups start and stop guests for themselves, and the ledger tells those apart. */
  readonly startsForBackup: boolean;
}

const RUNTIME = {
  reportedBy: 'runtime',
  isKnownByVmid: false,
  isNumberedByUs: false,
  isNameVmid: false,
  isDeviceOurs: false,
  looksForDeviceName: false,
  queuedBy: 'key',
  recorded: 'all',
  startsForBackup: false,
} as const;

/** One line for each runtime, by the name of its source of events and of its folder in src/runtimes. */
export const RUNTIMES = {
  proxmox: {
    ...RUNTIME,
    guests: {
      'proxmox-qemu': { start: 'qm start' },
      'proxmox-lxc': { start: 'pct start', isChangedUnderLock: true },
    },
    isKnownByVmid: true,
    isNameVmid: true,
    looksForDeviceName: true,
    startsForBackup: true,
  },
  lxc: { ...RUNTIME, guests: { lxc: {} }, reportedBy: 'hook', isNumberedByUs: true, isNameVmid: true },
  docker: {
    ...RUNTIME,
    guests: { docker: {} },
    isNumberedByUs: true,
    isDeviceOurs: true,
    queuedBy: 'name',
    recorded: 'ours',
  },
  manual: { ...RUNTIME, guests: { manual: {} }, reportedBy: 'person' },
} as const satisfies Record<string, RuntimeFacts>;

export type RuntimeName = keyof typeof RUNTIMES;
export type GuestRuntime = { [R in RuntimeName]: keyof (typeof RUNTIMES)[R]['guests'] }[RuntimeName];
/** Whose guests may come without a number. */
export type NumberedRuntime = {
  [R in RuntimeName]: (typeof RUNTIMES)[R]['isNumberedByUs'] extends true ? R : never;
}[RuntimeName];

const ENTRIES = Object.entries(RUNTIMES) as [RuntimeName, RuntimeFacts][];

export const GUEST_RUNTIMES = ENTRIES.flatMap(([, { guests }]) =>
  Object.keys(guests),
) as readonly GuestRuntime[];
/** In the order of the alphabet, as people are told of them. */
export const NUMBERED_RUNTIMES = ENTRIES.flatMap(([name, { isNumberedByUs }]) =>
  isNumberedByUs ? [name] : [],
).sort() as readonly NumberedRuntime[];

/** The runtime that guests with this word belong to; undefined for a word that is none of ours. */
export const runtimeNameOf = (guest: string): RuntimeName | undefined =>
  ENTRIES.find(([, { guests }]) => Object.hasOwn(guests, guest))?.[0];

export const factsOf = (runtime: RuntimeName): RuntimeFacts => RUNTIMES[runtime];

/** @param guest the word that the guest carries */
export function factsOfGuest(guest: GuestRuntime): RuntimeFacts;
export function factsOfGuest(guest: string): RuntimeFacts | undefined;
export function factsOfGuest(guest: string): RuntimeFacts | undefined {
  const name = runtimeNameOf(guest);
  return name && RUNTIMES[name];
}

/** See `GuestFacts`. */
export const isChangedUnderLock = (guest: string): boolean =>
  factsOfGuest(guest)?.guests[guest]?.isChangedUnderLock === true;

/** A command, without an end; undefined where the agent cannot know one. */
export function startCommand(guest: string, vmid: number): string | undefined {
  const start = factsOfGuest(guest)?.guests[guest]?.start;
  return start === undefined ? undefined : `${start} ${vmid}`;
}
