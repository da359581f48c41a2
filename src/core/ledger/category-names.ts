// The names by which a caller may mean categories: one category's own, or a producer's for all of its categories. Pure.

import { CATEGORIES, type Category, isCategory, PRODUCERS, type Producer, producerOf } from './categories.ts';

/** The category that stands for a producer when something is recorded under the producer's name alone. */
const HOME: Record<Producer, Category> = {
  network: 'connectivity',
  settings: 'config',
  user: 'access',
  storage: 'storage',
  external: 'external',
};

/** As clients of the older interface write a producer: `users`, `network-plugin`. */
function producerNamed(name: string): Producer | undefined {
  const plain = name === 'users' ? 'user' : name.replace(/-plugin$/, '');
  return PRODUCERS.find((producer) => producer === plain);
}

/**
 * What a question for `name` is about; undefined for a name that nothing has. `storage` is a category and a producer:
 * it means the producer, whose categories include that one.
 */
export function categoriesNamed(name: string): readonly Category[] | undefined {
  const producer = producerNamed(name);
  if (producer !== undefined) return CATEGORIES.filter((category) => producerOf(category) === producer);
  return isCategory(name) ? [name] : undefined;
}

/** Where something recorded under `name` goes; undefined for a name that nothing has. */
export function homeCategory(name: string): Category | undefined {
  if (isCategory(name)) return name;
  const producer = producerNamed(name);
  return producer && HOME[producer];
}

/** Every name that is understood, for a message. */
export const knownCategoryNames = (): string => [...PRODUCERS, ...CATEGORIES].join(', ');
