// Lists of words that descriptions of answers name, from where the words are defined.

import { GUEST_RUNTIMES } from '../../core/guest/runtimes.ts';
import { DRIVER_NAMES } from '../../core/plan/driver-names.ts';

const inCode = (words: readonly string[]) => words.map((word) => `\`${word}\``).join(', ');

export const RUNTIME_WORDS = inCode(GUEST_RUNTIMES);
export const DRIVER_WORDS = inCode(DRIVER_NAMES);
