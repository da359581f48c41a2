// The same source for every runtime there is.

import { RUNTIMES } from '../../../src/core/guest/runtimes.ts';
import type { Resolution, Sources } from '../../../src/runtimes/source.ts';

export interface QuietSource {
  resolve(): Promise<Resolution>;
  current(): Promise<{ key: string; resolution: Resolution }[]>;
}

export const everySource = (source: QuietSource): Sources =>
  Object.fromEntries(Object.keys(RUNTIMES).map((name) => [name, source])) as unknown as Sources;
