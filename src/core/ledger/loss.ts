// What is known of a ledger that was taken away.

/** A chain that was there and is not in the file any more. */
export type Loss = {
  /** The last block that was known of it. */
  height: number;
  hash: string;
  /** Height of the last block that was found instead; 0 where there was none. */
  found: number;
  /** Where the agent put the file that ended otherwise; absolute. Without it nobody knows. */
  setAside?: string | undefined;
  /** When that was noticed, RFC 3339. */
  at: string;
};
