// The stream splitter must not care how the kernel cuts the bytes.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonStream } from '../../../../src/core/ovsdb/json-stream.ts';

function split(bytes: Buffer, cuts: readonly number[]): unknown[] {
  const values: unknown[] = [];
  const feed = jsonStream((value) => values.push(value));
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    const to = Math.min(from + cut, bytes.length);
    feed(bytes.subarray(from, to));
    from = to;
  }
  feed(bytes.subarray(from));
  return values;
}

const messages = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 5 });

describe('a stream of JSON messages', () => {
  it('gives the same messages however it is cut', () => {
    fc.assert(
      fc.property(messages, fc.array(fc.nat(40), { maxLength: 30 }), (sent, cuts) => {
        const bytes = Buffer.from(sent.map((message) => JSON.stringify(message)).join(''));
        expect(split(bytes, cuts)).toEqual(sent.map((message) => JSON.parse(JSON.stringify(message))));
      }),
    );
  });

  it('is not confused by brackets and quotes inside strings', () => {
    const message = { text: '}{"]\\" [', ümlaut: '🙂' };
    expect(split(Buffer.from(JSON.stringify(message)), [1, 1, 1, 2, 3])).toEqual([message]);
  });

  it('refuses text between messages', () => {
    expect(() => split(Buffer.from('{} garbage {}'), [])).toThrow(SyntaxError);
  });

  it('refuses a message that closes what it never opened', () => {
    expect(() => split(Buffer.from(']'), [])).toThrow(SyntaxError);
  });
});
