// Which checkpoints stay when the file of them is thinned, as far as their time and who stands under them say it (docs/adr/0072). Pure.

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ALL_MS = 2 * DAY_MS;
const HOURLY_MS = 90 * DAY_MS;

export interface Stamp {
  /** When it was signed, in milliseconds of the epoch; NaN for what is no time. */
  readonly at: number;
  readonly cosigners: readonly string[];
  /** Which key was to sign then; undefined where that is not known. */
  readonly key: number | undefined;
  /** It stays for another reason. */
  readonly stays: boolean;
}

export interface ThinningRule {
  /** Takes each in the order of the file. */
  take(stamp: Stamp): void;
  /** Of each, 1 if it stays. */
  end(): Uint8Array;
}

/**
 * All of the newest two days stay, then the last of each hour for ninety days, then the last of each day; of each hour and day the last of
 * each cosigner too, and of each key the first and the last. Hours and days are runs in the file: a clock that jumps only makes more of them.
 * One is no older than those before it: what was signed while the clock was set back counts as signed when they were.
 *
 * @param parts how many there are, how many of the newest stay whatever the clock says, and when the last one was signed
 */
export function thinningRule(parts: { count: number; newest: number; newestAt: number }): ThinningRule {
  const { count, newest, newestAt } = parts;
  const stay = new Uint8Array(count);
  const lastOfKey = new Map<number, number>();
  let lastsOfRun = new Map<string, number>();
  let run = '';
  let index = 0;
  let latest = Number.NEGATIVE_INFINITY;
  const keepAll = (lasts: Iterable<number>) => {
    for (const last of lasts) stay[last] = 1;
  };
  return {
    take({ at, cosigners, key, stays }) {
      if (at <= newestAt) latest = Math.max(latest, at);
      const age = newestAt - Math.max(latest, at);
      const isNew = index >= count - newest || !(age > ALL_MS);
      if (isNew || stays || (key !== undefined && !lastOfKey.has(key))) stay[index] = 1;
      if (key !== undefined) lastOfKey.set(key, index);
      const unit = age > HOURLY_MS ? DAY_MS : HOUR_MS;
      const its = `${unit} ${Math.floor(at / unit)}`;
      if (its !== run) {
        keepAll(lastsOfRun.values());
        lastsOfRun = new Map();
        run = its;
      }
      // No name of a cosigner is empty.
      for (const name of ['', ...cosigners]) lastsOfRun.set(name, index);
      index += 1;
    },
    end() {
      keepAll(lastsOfRun.values());
      keepAll(lastOfKey.values());
      return stay;
    },
  };
}
