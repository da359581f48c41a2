// Seals the file of an open ledger when that is due, between two batches, and tells whoever wants to know.
import type { Clocks } from '../lib/moment.ts';
import type { Head } from './head.ts';
import type { LedgerFile } from './ledger-file.ts';
import type { Recovered } from './recover.ts';
import { DEFAULT_LIMITS, newRotation, type RotationLimits } from './rotation.ts';

export type Sealing = {
  /** A block is in the file. */
  wrote(): void;
  /** Never rejects. */
  between(head: Head): Promise<void>;
  onSealed(listener: () => void): () => void;
};

export type SealingParts = {
  clock: Clocks;
  limits?: RotationLimits;
  onTrouble?: (error: unknown) => void;
};

export function sealingOf(file: LedgerFile, found: Recovered, parts: SealingParts): Sealing {
  const { clock, limits = DEFAULT_LIMITS, onTrouble = () => undefined } = parts;
  // Since a start the clock may have been set; what the first block says of the time before it is all there is.
  const age = found.begunMs === undefined ? undefined : Math.max(0, clock.now() - found.begunMs);
  const rotation = newRotation(limits, age === undefined ? undefined : clock.steady() - age);
  const listeners = new Set<() => void>();
  let { first } = found;
  return {
    wrote: () => rotation.wrote(clock.steady()),
    async between(head) {
      if (first === undefined || first > head.height || !rotation.isDue(file.size(), clock.steady())) return;
      try {
        await file.seal(first, head);
      } catch (error) {
        rotation.failed(clock.steady());
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
