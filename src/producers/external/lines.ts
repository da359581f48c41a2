// The lines of a stream, never more of them in memory than one and a chunk; and how deep the JSON in one is.

import type { Readable } from 'node:stream';
import { AgentError } from '../../core/lib/errors.ts';

/** Throws `bad-argument` at a line of more than `max` bytes. What is behind the last line feed is no line. */
export async function* linesOf(input: Readable, max: number): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of input as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let end = rest.indexOf(10);
    while (end >= 0) {
      if (end > max) throw tooLong(max);
      yield rest.toString('utf8', 0, end);
      rest = rest.subarray(end + 1);
      end = rest.indexOf(10);
    }
    if (rest.length > max) throw tooLong(max);
  }
}

const tooLong = (max: number) => new AgentError('bad-argument', `a line has more than ${max} bytes`);

/** How deep the arrays and objects of a JSON text are at most, before anybody goes down there. */
export function levelsOf(json: string): number {
  let [level, deepest] = [0, 0];
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"?|[[\]{}]/gs)) {
    if (token === '[' || token === '{') deepest = Math.max(deepest, ++level);
    else if (token === ']' || token === '}') level -= 1;
  }
  return deepest;
}
