// What verification notes of the lines that go by: roots and hashes where a head is known, and what blocks declare of keys.

import { FOOT_BYTES, HEAD_BYTES, parseLine } from '../line.ts';
import { findHeight, findPrevHash } from '../line-bytes.ts';
import { frontierOf } from '../tree/grow.ts';
import { emptyRoot, HASH_BYTES } from '../tree/hash.ts';
import { consistencyProof, rootOf } from '../tree/proofs.ts';
import { type RunningRoot, runningRoot } from '../tree/running-root.ts';
import { readTree } from '../tree/tree-file.ts';
import { isConsistent } from '../tree/verify-proof.ts';
import { type Declared, declaring } from './declarations.ts';

const ACTION_AT = '{"block":{"action":"'.length;
const LEDGER = Buffer.from('ledger_');
const STARTED = Buffer.from('agent_started"');

export class PassingHeads {
  readonly declared: Declared;
  /** Blocks before the first one that went by. */
  before = 0;
  readonly #treePath: string;
  /** In order, each once. Numbers and bytes alone, since there may be half a million. */
  readonly #wanted: Float64Array;
  /** Of each that is wanted, its root once it is known. */
  readonly #roots: Buffer;
  readonly #isKnown: Uint8Array;
  readonly #hashed: ReadonlySet<number>;
  readonly #hashes = new Map<number, string>();
  readonly #take: ReturnType<typeof declaring>['take'];
  #tree: RunningRoot | undefined;
  #next = 0;

  /** @param sizes whose roots are asked for @param hashed heights whose hashes are; they are sizes, too */
  constructor(sizes: readonly number[], treePath: string, hashed: ReadonlySet<number> = new Set()) {
    this.#wanted = Float64Array.from(sizes)
      .sort()
      .filter((size, index, all) => size !== all[index - 1]);
    this.#roots = Buffer.alloc(this.#wanted.length * HASH_BYTES);
    this.#isKnown = new Uint8Array(this.#wanted.length);
    this.#hashed = hashed;
    this.#treePath = treePath;
    const { take, declared } = declaring();
    this.#take = take;
    this.declared = declared;
  }

  /** The first line that goes by, if one does, will be that of the block behind so many. */
  beginBehind(before: number): void {
    this.#tree ??= this.#begin(before);
  }

  /** Undefined when there are not so many blocks that hold, and for what was not asked for. */
  rootOf(size: number): Buffer | undefined {
    if (size === 0) return emptyRoot();
    const index = this.#indexOf(size);
    return this.#isKnown[index]
      ? this.#roots.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES)
      : undefined;
  }

  hashOf(height: number): string | undefined {
    return this.#hashes.get(height);
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
    if (this.#tree !== undefined && this.#next >= this.#wanted.length) return;
    this.#tree ??= this.#begin(findHeight(bytes, start, findPrevHash(bytes, start, end)) - 1);
    this.#tree.add(bytes, start + HEAD_BYTES, end - FOOT_BYTES);
    const size = this.#tree.size();
    if (size !== this.#wanted[this.#next]) return;
    this.#keep(this.#tree.root());
    if (this.#hashed.has(size)) this.#hashes.set(size, bytes.toString('latin1', end - 66, end - 2));
  }

  /** Of blocks whose bodies were dropped, the file of the tree has the leaves; a false one leads to no signed root. */
  #begin(before: number): RunningRoot {
    const [first] = this.#wanted;
    if (before === 0) {
      const tree = runningRoot();
      if (first === 0) this.#next += 1;
      return tree;
    }
    this.before = before;
    const nodes = readTree(this.#treePath);
    if (nodes === undefined || nodes.size < before) {
      nodes?.close();
      this.#next = this.#wanted.length;
      return runningRoot();
    }
    try {
      const tree = runningRoot(before, frontierOf(before, nodes.read));
      for (let size = first; size !== undefined && size <= before; size = this.#wanted[this.#next]) {
        const root = rootOf(size, nodes.read);
        // Nodes that fit the old head and not the tree that goes on show it nowhere else.
        const now = { size: before, root: rootOf(before, nodes.read) };
        const fits = isConsistent({ size, root }, now, consistencyProof(size, before, nodes.read));
        this.#keep(fits ? root : undefined);
      }
      return tree;
    } finally {
      nodes.close();
    }
  }

  /** Of the next that is wanted. */
  #keep(root: Buffer | undefined): void {
    root?.copy(this.#roots, this.#next * HASH_BYTES);
    this.#isKnown[this.#next] = root ? 1 : 0;
    this.#next += 1;
  }

  #indexOf(size: number): number {
    let [low, high] = [0, this.#wanted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#wanted[middle] ?? size) < size) low = middle + 1;
      else high = middle;
    }
    return this.#wanted[low] === size ? low : -1;
  }
}

function standsAt(bytes: Buffer, wanted: Buffer, at: number): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}
