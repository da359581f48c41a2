// Decides when the file that is appended to has become big or old enough to be sealed; pure. Its clock is one that nobody sets.

export type RotationLimits = {
  /** Bytes from which on the file is sealed. */
  bytes: number;
  /** Age of its first block from which on it is, in ms. */
  ageMs: number;
};

export const DEFAULT_LIMITS: RotationLimits = { bytes: 64 << 20, ageMs: 31 * 86_400_000 };

/** After a failure: the next try, in ms. Meanwhile the file grows. */
const RETRY_MS = 60_000;

export type Rotation = {
  /** A block was written into the file. @param steadyMs of a clock that nobody sets, as in the others */
  wrote(steadyMs: number): void;
  isDue(size: number, steadyMs: number): boolean;
  sealed(): void;
  failed(steadyMs: number): void;
};

/** `begun`: when the first block of the file was written, by the steady clock, so it may be negative; undefined for an empty file. */
export function newRotation(limits: RotationLimits, begun: number | undefined): Rotation {
  let since = begun;
  let notBefore = Number.NEGATIVE_INFINITY;
  return {
    wrote(steadyMs) {
      since ??= steadyMs;
    },
    isDue(size, steadyMs) {
      if (size === 0 || since === undefined || steadyMs < notBefore) return false;
      return size >= limits.bytes || steadyMs - since >= limits.ageMs;
    },
    sealed() {
      since = undefined;
    },
    failed(steadyMs) {
      notBefore = steadyMs + RETRY_MS;
    },
  };
}
