// Many measurements of one thing, summed up: their median, the middle half of them, and how many.

export interface Series {
  median: number;
  /** First and third quartile: half of the measurements lie between them. */
  low: number;
  high: number;
  n: number;
}

export function series(values: readonly number[]): Series {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    low: quantile(sorted, 0.25),
    high: quantile(sorted, 0.75),
    n: sorted.length,
  };
}

/** One figure of `n` measurements that were summed up already. */
export function single(value: number, n: number): Series {
  return { median: value, low: value, high: value, n };
}

/** Linear between the two nearest measurements. */
function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** Runs both sides in turns, ABBA, so that a drift of the machine meets both alike. */
export async function inTurns(
  turns: number,
  ours: (turn: number) => Promise<void>,
  peer: (turn: number) => Promise<void>,
): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    const [first, second] = turn % 2 === 0 ? [ours, peer] : [peer, ours];
    await first(turn);
    await second(turn);
  }
}
