// A witness: it cosigns what has only grown since it looked last, and has that on disk before it says so.

import { cosign } from '../core/ledger/note/cosignature.ts';
import type { Signer, Verifier } from '../core/ledger/note/keys.ts';
import { signatureLine } from '../core/ledger/note/signed-note.ts';
import { AgentError } from '../core/lib/errors.ts';
import { keyedQueue } from '../core/lib/keyed-queue.ts';
import { type AddCheckpoint, parseAddCheckpoint, SIZE_TYPE } from './add-checkpoint.ts';
import { judge, nothingSeen, type Verdict } from './judge.ts';
import type { SeenHeads } from './seen-heads.ts';

export interface WitnessOptions {
  readonly signer: Signer;
  /** The keys that are trusted for this origin, none for an unknown log. */
  readonly keysOf: (origin: string) => readonly Verifier[];
  readonly seen: SeenHeads;
  /** Milliseconds of the epoch. */
  readonly now: () => number;
  /** Told of what a log or the disk did that somebody should look at. */
  readonly onTold: (told: Told) => void;
}

export interface Told {
  readonly origin: string;
  readonly text: string;
}

export interface Answer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422 | 503;
  readonly type: string;
  readonly body: string;
}

export interface Witness {
  /** Never rejects. */
  addCheckpoint(body: Buffer): Promise<Answer>;
  /** Resolves when what had begun has ended. */
  close(): Promise<void>;
}

const TEXT = 'text/plain; charset=utf-8';
/** Logs that are looked at side by side. */
const SIDE_BY_SIDE = 16;

export function openWitness({ signer, keysOf, seen, now, onTold }: WitnessOptions): Witness {
  // What was seen is read and written in one turn: else an older checkpoint could be kept over a newer one.
  const turns = keyedQueue(SIDE_BY_SIDE);

  async function inTurn(request: AddCheckpoint, keys: readonly Verifier[]): Promise<Answer> {
    const { checkpoint, note, old } = request;
    const { origin, size, root } = checkpoint;
    const latest = (await seen.latest(origin)) ?? nothingSeen();
    const verdict = judge(request, keys, latest);
    if (verdict.status !== 200) {
      tell(origin, verdict, `size ${size}, root ${root.toString('hex')}, old size ${old}`);
      return refusal(verdict);
    }
    const at = now();
    const line = cosign(note.text, signer, Math.floor(at / 1000));
    const lines = note.signatures.map((signature) => signatureLine(signature, signature.bytes));
    const whole = `${note.text}\n${lines.join('')}${line}`;
    await seen.keep({ origin, size, root, at: new Date(at).toISOString(), note: whole });
    return { status: 200, type: TEXT, body: line };
  }

  /** A log that signed what cannot be is told of; one that only forgot what we have seen is not. */
  const tell = (origin: string, verdict: Exclude<Verdict, { status: 200 }>, what: string) => {
    if (verdict.status === 422 || (verdict.status === 409 && verdict.isForked))
      onTold({ origin, text: `${verdict.why} (${what})` });
  };

  return {
    async addCheckpoint(body) {
      let request: AddCheckpoint;
      try {
        request = parseAddCheckpoint(body);
      } catch (error) {
        return refusal({
          status: 400,
          why: error instanceof AgentError ? error.message : 'it cannot be read',
        });
      }
      const { origin } = request.checkpoint;
      const keys = keysOf(origin);
      if (keys.length === 0) return refusal({ status: 404, why: 'this log is not known here' });
      try {
        return await turns.run(origin, () => inTurn(request, keys));
      } catch (error) {
        // Whatever was seen before must not be forgotten: without it nothing is cosigned.
        onTold({ origin, text: error instanceof AgentError ? error.toLine() : String(error) });
        return refusal({ status: 503, why: 'what was seen of this log cannot be read or kept' });
      }
    },
    close: () => turns.close(),
  };
}

function refusal(verdict: Exclude<Verdict, { status: 200 }> | { status: 404 | 503; why: string }): Answer {
  if (verdict.status === 409 && 'size' in verdict)
    return { status: 409, type: SIZE_TYPE, body: `${verdict.size}\n` };
  return { status: verdict.status, type: TEXT, body: `${verdict.why}\n` };
}
