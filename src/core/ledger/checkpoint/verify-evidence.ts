// Verifies a ledger with its checkpoints: what somebody who trusts neither the host nor us wants to know.

import { FOOT_BYTES, HEAD_BYTES, parseLine } from '../line.ts';
import type { Policy } from '../note/policy.ts';
import { ledgerPaths } from '../paths.ts';
import { runningRoot } from '../tree/running-root.ts';
import { type VerifyOptions, type VerifyResult, verifyLedger } from '../verify.ts';
import { type KeptCheckpoint, readCheckpoints } from './checkpoint-file.ts';
import { type Declared, declaring } from './declarations.ts';
import { type Evidence, type Judged, judge, type KnownHead } from './judge.ts';
import { evidencePaths } from './places.ts';

export interface EvidenceOptions extends Omit<VerifyOptions, 'knownHead'> {
  /** Heads that were kept elsewhere. */
  readonly known?: readonly KnownHead[];
  readonly policy?: Policy;
  /** Seconds that the newest checkpoint may be old. */
  readonly maxAge?: number;
  /** Milliseconds of the epoch. */
  readonly now: () => number;
}

export interface EvidenceResult extends Judged {
  /** What was found of the chain alone. */
  readonly chain: VerifyResult;
  /** How many distinct checkpoints there are, and the newest that the ledger is bound by. */
  readonly checkpoints: number;
  readonly newest: KeptCheckpoint | undefined;
  /** Lines of the file of checkpoints that are none. */
  readonly unreadable: number;
}

/** Throws `bad-argument` if there is no file to read, `ledger-evidence-unreadable`. */
export async function verifyEvidence(path: string, options: EvidenceOptions): Promise<EvidenceResult> {
  const { known = [], policy, maxAge, now, onLine, ...rest } = options;
  // Before the blocks: those that come meanwhile are covered by no checkpoint that is looked at.
  const { all, bad } = await readCheckpoints(evidencePaths(ledgerPaths(path).side).checkpoints);
  const heads = new Heads([
    ...all.map(({ checkpoint }) => checkpoint.size),
    ...known.map(({ size }) => size),
  ]);
  const chain = await verifyLedger(path, {
    ...rest,
    onLine(bytes, start, end) {
      heads.add(bytes, start, end);
      onLine?.(bytes, start, end);
    },
  });
  const evidence: Evidence = {
    chain,
    checkpoints: all,
    declared: heads.declared,
    rootOf: (size) => heads.roots.get(size),
    hashOf: (height) => heads.hashes.get(height),
  };
  const judged = judge(evidence, {
    known,
    now: now(),
    ...(policy && { policy }),
    ...(maxAge !== undefined && { maxAge }),
  });
  return { ...judged, chain, checkpoints: all.length, unreadable: bad.length };
}

const ACTION_AT = '{"block":{"action":"'.length;
const LEDGER = Buffer.from('ledger_');
const STARTED = Buffer.from('agent_started"');

/** What the lines say that go by: roots and hashes where somebody asks for them, and what blocks declare. */
class Heads {
  readonly roots = new Map<number, Buffer>();
  readonly hashes = new Map<number, string>();
  readonly declared: Declared;
  readonly #tree = runningRoot();
  readonly #wanted: readonly number[];
  readonly #take: ReturnType<typeof declaring>['take'];
  #next = 0;

  constructor(sizes: readonly number[]) {
    this.#wanted = [...new Set(sizes)].sort((a, b) => a - b);
    const { take, declared } = declaring();
    this.#take = take;
    this.declared = declared;
    if (this.#wanted[0] === 0) this.#keep('');
  }

  add(bytes: Buffer, start: number, end: number): void {
    if (standsAt(bytes, LEDGER, start + ACTION_AT) || standsAt(bytes, STARTED, start + ACTION_AT)) {
      try {
        this.#take(parseLine(bytes.toString('utf8', start, end)));
      } catch {
        // A line of the right form that is no block: fast verification lets it pass, and it declares nothing.
      }
    }
    // Behind the last head that somebody asks for, the chain alone is of interest.
    if (this.#next >= this.#wanted.length) return;
    this.#tree.add(bytes, start + HEAD_BYTES, end - FOOT_BYTES);
    if (this.#tree.size() === this.#wanted[this.#next])
      this.#keep(bytes.toString('latin1', end - 66, end - 2));
  }

  #keep(hash: string): void {
    this.roots.set(this.#tree.size(), this.#tree.root());
    this.hashes.set(this.#tree.size(), hash);
    this.#next += 1;
  }
}

function standsAt(bytes: Buffer, wanted: Buffer, at: number): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}
