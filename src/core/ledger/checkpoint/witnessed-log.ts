// What those who talk to witnesses see of the log.

export interface SignedCheckpoint {
  readonly note: string;
  readonly size: number;
  readonly root: Buffer;
}

export interface WitnessedLog {
  /** Undefined until the first checkpoint of this run. */
  origin(): string | undefined;
  newest(): SignedCheckpoint | undefined;
  /** Throws `ledger-tree-unreadable`, and a RangeError unless oldSize <= newSize <= the newest size. */
  consistency(oldSize: number, newSize: number): Promise<Buffer[]>;
  /** Keeps them under a note of this log. @param lines whole lines, checked with the witness's key */
  addCosignatures(note: string, lines: readonly string[]): Promise<void>;
  /** A witness has seen more of this log than there is: it was rolled back. */
  reportAhead(witness: string, size: number): Promise<void>;
  /** Returns the way to end that. */
  onSigned(listener: () => void): () => void;
}
