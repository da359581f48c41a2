// The configuration as the parts see it: an object whose sections are those in force at the moment they are read.

import type { Config } from '../core/config/config.ts';

export interface LiveConfig {
  /** Hand this on, and read its keys when they are needed. */
  readonly config: Config;
  replace(next: Config): void;
}

export function liveConfig(first: Config): LiveConfig {
  let current = first;
  const config = {} as Config;
  for (const key of Object.keys(first) as (keyof Config)[]) {
    Object.defineProperty(config, key, { enumerable: true, get: () => current[key] });
  }
  return {
    config,
    replace: (next) => {
      current = next;
    },
  };
}
