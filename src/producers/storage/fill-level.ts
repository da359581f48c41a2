// When a file system counts as filling up: at 80, 90 and 95 %, and as relieved only well below that; pure.

/** Percent; 0 is the level below all of them. */
export const LEVELS = [80, 90, 95] as const;

/** It has to get that far below a level to have left it: one that goes up and down around it is told once. */
export const RELIEF = 3;

/** What df(1) calls use: of what somebody who is not root can have. */
export function usedPercent({
  blocks,
  bfree,
  bavail,
}: {
  blocks: number;
  bfree: number;
  bavail: number;
}): number {
  const used = blocks - bfree;
  const all = used + bavail;
  return all <= 0 ? 0 : Math.round((used / all) * 1000) / 10;
}

/** The level now, after it was `before`. */
export function nextLevel(before: number, percent: number): number {
  const risen = LEVELS.findLast((level) => percent >= level) ?? 0;
  if (risen >= before) return risen;
  const kept = LEVELS.filter((level) => level <= before).findLast((level) => percent > level - RELIEF) ?? 0;
  return Math.max(risen, kept);
}
