// What blocks say of the keys and epochs of their ledger, and of its heartbeat: gathered while the lines go by.

import type { HashedBlock } from '../block.ts';
import { readVerifier, type Verifier } from '../note/keys.ts';
import { type EpochReason, LEDGER_EVIDENCE } from './actions.ts';

/** From this height on, checkpoints have this origin and are signed by this key. */
export interface Declaration {
  readonly height: number;
  readonly origin: string;
  readonly key: Verifier;
  /** The epoch's, of which it is the first key; undefined for a rotated key. */
  readonly why: EpochReason | undefined;
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

const {
  ledger_epoch_begun: EPOCH,
  ledger_key_rotated: ROTATED,
  ledger_heartbeat: BEAT,
} = LEDGER_EVIDENCE.actions;

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

function declaration({ action, data, height }: HashedBlock): Declaration[] {
  const epoch = action === 'ledger_epoch_begun' ? EPOCH.data.safeParse(data).data : undefined;
  const rotated = action === 'ledger_key_rotated' ? ROTATED.data.safeParse(data).data : undefined;
  const said = epoch ?? rotated;
  const key = said && verifierIn(said.key);
  return said && key ? [{ height, origin: said.origin, key, why: epoch?.why, common: epoch?.common }] : [];
}

function verifierIn(text: string): Verifier | undefined {
  try {
    return readVerifier(text);
  } catch {
    return undefined;
  }
}
