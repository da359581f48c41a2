// Pieces that end at line ends, of any file.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lineChunks } from '../../../../src/core/ledger/line-chunks.ts';

/** A file that gives so many bytes at once at most. */
const source = (bytes: Buffer, most: number) => ({
  async read(into: Buffer, at: number, length: number, position: number) {
    const bytesRead = bytes.copy(into, at, position, Math.min(position + length, position + most));
    return { bytesRead };
  },
});

it('the pieces are the file, each ends at a line end, and what stands after the last one is told as such', async () => {
  const text = fc.array(fc.constantFrom('a', 'bc', '\n'), { maxLength: 40 }).map((parts) => parts.join(''));
  await fc.assert(
    fc.asyncProperty(text, fc.integer({ min: 1, max: 50 }), async (all, most) => {
      const pieces: { text: string; offset: number; complete: boolean }[] = [];
      for await (const { bytes, offset, complete } of lineChunks(source(Buffer.from(all), most) as never))
        pieces.push({ text: String(bytes), offset, complete });
      expect(pieces.map((piece) => piece.text).join('')).toBe(all);
      for (const { text: own, offset } of pieces) expect(all.slice(offset, offset + own.length)).toBe(own);
      const rest = all.slice(all.lastIndexOf('\n') + 1);
      expect(pieces.filter(({ complete }) => !complete).map((piece) => piece.text)).toEqual(
        rest === '' ? [] : [rest],
      );
    }),
  );
});
