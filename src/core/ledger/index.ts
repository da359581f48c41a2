// The ledger as the rest of the project sees it.
export type { Block, HashedBlock } from './block.ts';
export { NO_HASH } from './block.ts';
export { canonical } from './canonical.ts';
export { CATEGORIES, type Category, isCategory, type Producer, producerOf } from './categories.ts';
export type { DeclaredEntry, Entry } from './draft.ts';
export { findEvents } from './event-ids.ts';
export { follow } from './follow.ts';
export type { OpenGap } from './gap.ts';
export { AGENT_STARTED, carryOver, openIntents } from './intents.ts';
export type { Unreadable } from './line-chunks.ts';
export type { Loss } from './loss.ts';
export { entryOf } from './producer.ts';
export { type Reading, readBackwards, readBlocks, tail } from './read.ts';
export { HEAD_FILE, type RememberedHead, readRememberedHead, rememberHead } from './remembered-head.ts';
export { type FlatBlock, renderFlat } from './render.ts';
export { type LedgerStats, readStats } from './stats.ts';
export { type FirstBad, type Head, type VerifyOptions, type VerifyResult, verifyLedger } from './verify.ts';
export {
  type Ledger,
  type LedgerListener,
  type LedgerOptions,
  type LedgerWriter,
  openLedger,
} from './writer.ts';
