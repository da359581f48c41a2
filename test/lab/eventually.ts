// Waiting for what a host does by itself, seen from outside.

const EVERY_MS = 50;
/** Three busy hosts on two cores take their time; a promise of speed is the bench's. */
const WITHIN_MS = 30_000;

/**
 * Looks again and again until `expected` no longer throws, and gives what was seen then. When `withinMs`
 * is over, the last failure is thrown: of the expectation, or of the look itself.
 */
export async function eventually<T>(
  look: () => Promise<T>,
  expected: (seen: T) => unknown,
  withinMs = WITHIN_MS,
): Promise<T> {
  const until = performance.now() + withinMs;
  for (;;) {
    try {
      const seen = await look();
      await expected(seen);
      return seen;
    } catch (failure) {
      if (performance.now() > until) throw failure;
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
