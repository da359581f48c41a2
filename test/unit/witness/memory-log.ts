// A log whose tree is in memory: what witnesses are shown in tests, with all that a real one must not do.

import type { SignedCheckpoint, WitnessedLog } from '../../../src/core/ledger/checkpoint/witnessed-log.ts';
import { checkpointText } from '../../../src/core/ledger/note/checkpoint.ts';
import { newSigner, type Signer } from '../../../src/core/ledger/note/keys.ts';
import { signNote } from '../../../src/core/ledger/note/signed-note.ts';
import { leafHash, nodeHash } from '../../../src/core/ledger/tree/hash.ts';
import type { Node } from '../../../src/core/ledger/tree/positions.ts';
import { consistencyProof, rootOf } from '../../../src/core/ledger/tree/proofs.ts';

export interface MemoryLog extends WitnessedLog {
  readonly signer: Signer;
  /** Adds blocks and signs. */
  grow(count: number): SignedCheckpoint;
  /** The checkpoint of another size, signed as if it were the newest. */
  at(size: number): SignedCheckpoint;
  /** Drops blocks, as a restored disk does; what grows then is something else. */
  rollBack(size: number): void;
  /** Another origin with the same blocks and key. */
  rename(origin: string): void;
  /** What was put under notes. */
  readonly cosignatures: string[];
  readonly ahead: [string, number][];
}

export function memoryLog(origin: string, signer: Signer = newSigner(origin)): MemoryLog {
  let name = origin;
  let leaves: Buffer[] = [];
  let life = 0;
  let newest: SignedCheckpoint | undefined;
  const listeners = new Set<() => void>();
  const cosignatures: string[] = [];
  const ahead: [string, number][] = [];
  const cache = new Map<string, Buffer>();

  const read = ({ level, index }: Node): Buffer => {
    if (level === 0) return leaves[index] ?? Buffer.alloc(32);
    const key = `${level} ${index}`;
    const known = cache.get(key);
    if (known) return known;
    const made = nodeHash(
      read({ level: level - 1, index: index * 2 }),
      read({ level: level - 1, index: index * 2 + 1 }),
    );
    cache.set(key, made);
    return made;
  };
  const at = (size: number): SignedCheckpoint => {
    const root = rootOf(size, read);
    return { size, root, note: signNote(checkpointText({ origin: name, size, root }), [signer]) };
  };
  const sign = () => {
    newest = at(leaves.length);
    for (const listener of listeners) listener();
    return newest;
  };
  return {
    signer,
    cosignatures,
    ahead,
    origin: () => newest && name,
    newest: () => newest,
    at,
    consistency: async (old, size) => consistencyProof(old, size, read),
    addCosignatures: async (_, lines) => void cosignatures.push(...lines),
    reportAhead: async (witness, size) => void ahead.push([witness, size]),
    onSigned(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    grow(count) {
      for (let i = 0; i < count; i += 1) leaves.push(leafHash(`block ${life} ${leaves.length}`));
      return sign();
    },
    rollBack(size) {
      life += 1;
      leaves = leaves.slice(0, size);
      cache.clear();
      sign();
    },
    rename(other) {
      name = other;
      sign();
    },
  };
}
