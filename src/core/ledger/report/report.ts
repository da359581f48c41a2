// What a report on a span of time says; times are RFC 3339.

/** What was done for one of those who asked, counted by action. */
export type Change = {
  /** The user, and who was behind them as far as the ledger says: a login, a sudo user, a process. */
  by: string[];
  /** What told the agent: `proxmox`, `lxc`, `docker`, `manual`; null when it found it itself. */
  source: string | null;
  /** The action of the block that it began with. */
  because: string;
  action: string;
  count: number;
  first: { height: number; at: string };
  last: { height: number; at: string };
  /** Ports, guests or bridges; the first few. */
  subjects: string[];
};

export type Failure = {
  height: number;
  at: string;
  action: string;
  by: string[];
  subject: string;
  code: string | null;
  error: string | null;
};

/** A time in which nothing, or not all, was recorded. */
export type Gap = { from: string; to: string; height: number; reason: string };

/** What the ledger says of itself: lines put aside, other chains, events that it has no room for. */
export type Note = { height: number; at: string; action: string; data: unknown };

export type CheckpointSpan = {
  count: number;
  first: { size: number; at: string } | null;
  last: { size: number; at: string } | null;
  origins: string[];
};

/** `cosigned`: how many of the checkpoints of that time; the name is what the signature says, nobody has checked it here. */
export type WitnessSpan = { name: string; cosigned: number; lastSize: number; lastAt: string };

export type Report = {
  since: string | null;
  until: string | null;
  blocks: number;
  first: { height: number; at: string } | null;
  last: { height: number; at: string; hash: string } | null;
  hosts: string[];
  /** Of all blocks, by category and action. */
  actions: Record<string, Record<string, number>>;
  changes: Change[];
  failures: Failure[];
  /** All of them: `failures` has the first thousand. */
  failureCount: number;
  /** Begun in this time and without an outcome: heights. */
  open: number[];
  gaps: Gap[];
  notes: Note[];
  checkpoints: CheckpointSpan;
  witnesses: WitnessSpan[];
};
