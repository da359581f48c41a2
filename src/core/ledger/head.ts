// The last block of a chain, by which all before it is known.

/** Height 0 and 64 zeros when there is no block. */
export type Head = { height: number; hash: string };
