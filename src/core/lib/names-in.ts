// The names in a folder, where one that is not there is as good as an empty one.

import { readdirSync } from 'node:fs';

export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
