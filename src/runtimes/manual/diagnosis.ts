// What is asked of devices that somebody attached by hand: nothing of theirs can be looked at.

import type { Diagnosis } from '../diagnosis.ts';

export const manualDiagnosis: Diagnosis<unknown> = {
  look: async () => undefined,
  check: () => [],
  runs: async () => undefined,
};
