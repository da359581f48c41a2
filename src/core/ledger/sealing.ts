// Seals the file of an open ledger when that is due, between two batches, and tells whoever wants to know.
import type { HashedBlock } from './block.ts';
import type { Head } from './head.ts';
import type { LedgerFile } from './ledger-file.ts';
import type { Recovered } from './recover.ts';
import { DEFAULT_LIMITS, newRotation, type RotationLimits } from './rotation.ts';

export type Sealing = {
  wrote(block: HashedBlock): void;
  /** Never rejects. */
  between(head: Head): Promise<void>;
  onSealed(listener: () => void): () => void;
};

export type SealingParts = {
  clock: { now(): number };
  limits?: RotationLimits;
  onTrouble?: (error: unknown) => void;
};

export function sealingOf(file: LedgerFile, found: Recovered, parts: SealingParts): Sealing {
  const { clock, limits = DEFAULT_LIMITS, onTrouble = () => undefined } = parts;
  const rotation = newRotation(limits, found.begunMs);
  const listeners = new Set<() => void>();
  let { first } = found;
  return {
    wrote: ({ timestamp }) => rotation.wrote(timestamp),
    async between(head) {
      if (first === undefined || first > head.height || !rotation.isDue(file.size(), clock.now())) return;
      try {
        await file.seal(first, head);
      } catch (error) {
        rotation.failed(clock.now());
        onTrouble(error);
        return;
      }
      first = head.height + 1;
      rotation.sealed();
      for (const listener of listeners) listener();
    },
    onSealed(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
