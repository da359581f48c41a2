// What blocks say of the keys and epochs of their ledger, and of its heartbeat: gathered while the lines go by.

import type { Json } from '../../lib/json.ts';
import type { HashedBlock } from '../block.ts';
import { readVerifier, SIGNATURE, type Verifier } from '../note/keys.ts';
import { EPOCH_REASONS, type EpochReason, LEDGER_EVIDENCE } from './actions.ts';

/** From this height on, checkpoints have this origin and are signed by this key. */
export interface Declaration {
  readonly height: number;
  readonly origin: string;
  readonly key: Verifier;
  /** The epoch's, of which it is the first key; undefined for a rotated key. */
  readonly why: EpochReason | 'unknown' | undefined;
  /** Of an epoch's first key: blocks that checkpoints of the epoch before covered and that are still so. */
  readonly common: number | undefined;
}

/** Two heartbeats that do not follow one another. */
export interface Silence {
  readonly height: number;
  readonly expected: string;
  readonly actual: string;
}

export interface Declared {
  readonly declarations: Declaration[];
  readonly silences: Silence[];
}

const BEAT = LEDGER_EVIDENCE.actions.ledger_heartbeat;

/** Takes each block that may declare something, in order of height. */
export function declaring(): { take(block: HashedBlock): void; declared: Declared } {
  const declared: Declared = { declarations: [], silences: [] };
  let last: { beat: number; mono_s: number; every_s: number } | undefined;
  return {
    declared,
    take(block) {
      if (block.action === 'agent_started') last = undefined;
      else if (block.action === 'ledger_heartbeat') {
        const beat = BEAT.data.safeParse(block.data).data;
        if (beat !== undefined && last !== undefined)
          declared.silences.push(...silence(block.height, last, beat));
        last = beat;
      } else declared.declarations.push(...declaration(block));
    },
  };
}

function silence(
  height: number,
  last: { beat: number; mono_s: number; every_s: number },
  now: { beat: number; mono_s: number },
): Silence[] {
  if (now.beat !== last.beat + 1)
    return [{ height, expected: `heartbeat ${last.beat + 1}`, actual: `heartbeat ${now.beat}` }];
  const seconds = now.mono_s - last.mono_s;
  return seconds <= 2 * last.every_s
    ? []
    : [{ height, expected: `a heartbeat within ${last.every_s} s`, actual: `one after ${seconds} s` }];
}

/** No agent wrote a record that lacks something, but it ends the time of the key before: nobody knows who should sign then. */
function declaration({ action, data, height }: HashedBlock): Declaration[] {
  if (!isDeclaring(action) || typeof data !== 'object' || data === null || Array.isArray(data)) return [];
  const { origin, key, ...more } = data;
  // Only an epoch has a reason and an end of the one before.
  const { why, common } = action === 'ledger_epoch_begun' ? more : {};
  return [
    {
      height,
      origin: typeof origin === 'string' ? origin : '',
      key: typeof key === 'string' ? verifierIn(key) : NO_KEY,
      why: reasonIn(why),
      common: typeof common === 'number' ? common : undefined,
    },
  ];
}

const DECLARING = [
  'ledger_epoch_begun',
  'ledger_key_rotated',
] satisfies (keyof typeof LEDGER_EVIDENCE.actions)[];
const isDeclaring = (action: string) => DECLARING.some((one) => one === action);

const reasonIn = (why: Json | undefined) =>
  why === undefined || why === null ? undefined : (EPOCH_REASONS.find((one) => one === why) ?? 'unknown');

const never = () => false;
/** Of no name: nothing is signed by it. */
const NO_KEY: Verifier = {
  ...{ name: '', type: SIGNATURE.ed25519, id: Buffer.alloc(4), raw: Buffer.alloc(32) },
  isOf: never,
};

function verifierIn(text: string): Verifier {
  try {
    return readVerifier(text);
  } catch {
    return NO_KEY;
  }
}
