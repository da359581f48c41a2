import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { updateIndex } from '../../../../../src/core/ledger/index-files/update.ts';
import { type Effect, traceBlock } from '../../../../../src/core/ledger/query/trace.ts';
import { linesOf, placeLedger } from './ledgers.ts';

const effectsIn = ({ block, effects }: Effect): number[] => [block.height, ...effects.flatMap(effectsIn)];

describe('the trace of a block', () => {
  it('is its causes up to the first, and all that follows from it, with an index or without', async () => {
    const causes = fc.array(fc.nat(), { minLength: 1, maxLength: 60, size: 'max' });
    await fc.assert(
      fc.asyncProperty(causes, fc.nat(), fc.boolean(), async (given, which, isIndexed) => {
        const causeOf = given.map((back, at) => (back % (at + 1) === 0 ? null : at + 1 - (back % (at + 1))));
        const lines = linesOf(causeOf.map((cause) => ({ category: 'port', action: 'x', data: null, cause })));
        using place = placeLedger(lines, [which % 60]);
        if (isIndexed) await updateIndex(place.path, { runBlocks: 5 });
        const height = 1 + (which % given.length);
        const trace = await traceBlock(place.path, height);
        const up: number[] = [];
        for (let at = causeOf[height - 1] ?? null; at !== null; at = causeOf[at - 1] ?? null) up.unshift(at);
        expect(trace?.causes.map((block) => block.height)).toEqual(up);
        const below = new Set([height]);
        for (const [at, cause] of causeOf.entries())
          if (cause !== null && below.has(cause)) below.add(at + 1);
        expect(trace && effectsIn(trace.effect).sort((a, b) => a - b)).toEqual([...below]);
      }),
      { numRuns: 60 },
    );
  });

  it('of many siblings is drawn in one look at each generation', async () => {
    const many = Array.from({ length: 100 }, (_, n) => ({ cause: n === 0 ? null : n <= 50 ? 1 : n - 49 }));
    using place = placeLedger(
      linesOf(many.map(({ cause }) => ({ category: 'port', action: 'x', data: null, cause }))),
    );
    const trace = await traceBlock(place.path, 1);
    expect(trace?.effect.effects).toHaveLength(50);
    expect(trace && effectsIn(trace.effect)).toHaveLength(100);
  });

  it('stops at a cause that is in no file any more', async () => {
    const causes = [null, 1, 2];
    const lines = linesOf(causes.map((cause) => ({ category: 'port', action: 'x', data: null, cause })));
    using place = placeLedger(lines.slice(1));
    expect(await traceBlock(place.path, 3)).toMatchObject({ causes: [{ height: 2 }], missingCause: 1 });
    expect(await traceBlock(place.path, 1)).toBeUndefined();
  });
});
