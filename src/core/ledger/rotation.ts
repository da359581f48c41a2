// Decides when the file that is appended to has become big or old enough to be sealed; pure.

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
  /** A block was written into the file; `timestamp` is the block's (RFC 3339). */
  wrote(timestamp: string): void;
  isDue(size: number, nowMs: number): boolean;
  sealed(): void;
  failed(nowMs: number): void;
};

/** `begun`: when the first block of the file was written, ms of the epoch; undefined for an empty file. */
export function newRotation(limits: RotationLimits, begun: number | undefined): Rotation {
  let since = begun;
  let notBefore = Number.NEGATIVE_INFINITY;
  return {
    wrote(timestamp) {
      since ??= Date.parse(timestamp);
    },
    isDue(size, nowMs) {
      if (size === 0 || since === undefined) return false;
      // A clock that was set back must not put off the next try for ever.
      if (nowMs < notBefore && nowMs >= notBefore - RETRY_MS) return false;
      return size >= limits.bytes || nowMs - since >= limits.ageMs;
    },
    sealed() {
      since = undefined;
    },
    failed(nowMs) {
      notBefore = nowMs + RETRY_MS;
    },
  };
}
