// A network namespace that is nobody's, where inner ends of veths wait until their container may have them.

import type { Keep, Kept } from '../lib/exec.ts';

export interface Parking {
  /**
   * Process whose namespace it is; the first call starts it. When it ends, what waits there is gone, with its other end,
   * and the next call starts another. Throws `exec-failed`.
   */
  pid(): Promise<number>;
  close(): void;
}

/**
 * Neither the container nor the host's own network will do: whatever manages devices there (NetworkManager does) brings a
 * new one up, and the host answers ARP for its own addresses on it (seen: guests had a wrong gateway for 27 to 53 s).
 */
export function openParking(keep: Keep): Parking {
  let kept: Promise<Kept> | undefined;
  const start = (): Promise<Kept> => {
    const mine = keep('unshare', ['--net', 'cat']);
    const forget = () => {
      if (kept === mine) kept = undefined;
    };
    mine.then(({ ended }) => ended).then(forget, forget);
    return mine;
  };
  return {
    async pid() {
      kept ??= start();
      return (await kept).pid;
    },
    close() {
      void kept?.then(
        ({ end }) => end(),
        () => undefined,
      );
      kept = undefined;
    },
  };
}
