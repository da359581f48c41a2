// What is said to launch.pl and by it, in pieces of any size.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Answer,
  answerReader,
  killRequest,
  runRequest,
} from '../../../../src/core/lib/launch-frames.ts';

/** As launch.pl takes a frame apart. */
function wordsOf(frame: Buffer | undefined) {
  if (frame === undefined) return undefined;
  expect(frame.readUInt32BE(0)).toBe(frame.length - 4);
  const words: string[] = [];
  for (let at = 8; at < frame.length; ) {
    const end = at + 4 + frame.readUInt32BE(at);
    words.push(frame.toString('utf8', at + 4, end));
    at = end;
  }
  return { id: frame.readUInt32BE(4), words };
}

const answerFrame = ({ id, kind, data }: Answer) => {
  const head = Buffer.alloc(9);
  head.writeUInt32BE(5 + data.length, 0);
  head.writeUInt32BE(id, 4);
  head.write(kind, 8, 'latin1');
  return Buffer.concat([head, data]);
};

describe('a request', () => {
  const text = fc.string({ unit: 'binary' }).map((word) => word.replaceAll('\0', ''));

  it('says every word as it is', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(text), text, (id, args, input) => {
        const asked = wordsOf(runRequest(id, 'ip', args, { input, env: { A: 'b' } }));
        expect(asked?.id).toBe(id);
        const [what, space, program, given, count, ...rest] = asked?.words ?? [];
        expect([what, space, program, given, count]).toEqual(['run', '', 'ip', input, '3']);
        expect(rest.slice(6)).toEqual(args);
        expect(rest.slice(0, 2)).toEqual(['A', 'b']);
      }),
    );
  });

  it('is none where no program could have the word, or a file is the input', () => {
    fc.assert(
      fc.property(fc.array(text), text, text, (args, before, after) => {
        expect(runRequest(1, 'ip', [...args, `${before}\0${after}`], {})).toBeUndefined();
        expect(runRequest(1, 'flock', args, { input: 3 })).toBeUndefined();
      }),
    );
  });

  it('names the namespace where nsenter is to enter nothing else', () => {
    const net = '--net=/proc/7/ns/net';
    const of = (...args: string[]) => wordsOf(runRequest(1, 'nsenter', args, {}))?.words.slice(1, 3);
    expect(of(net, '--', 'ip', 'link')).toEqual(['/proc/7/ns/net', 'ip']);
    expect(of(net, 'ip', 'link')).toEqual(['', 'nsenter']);
    expect(of(net, '--')).toEqual(['', 'nsenter']);
    expect(of('--target=7', '--net', '--', 'ip')).toEqual(['', 'nsenter']);
    expect(of('--net=/proc/7/ns/net/../user', '--', 'ip')).toEqual(['', 'nsenter']);
  });

  it('names the signal', () => {
    expect(wordsOf(killRequest(9, 'TERM'))).toEqual({ id: 9, words: ['kill', 'TERM'] });
  });
});

it('answers come out whole and in order, however they are cut', () => {
  const answer = fc.record({
    id: fc.nat(),
    kind: fc.constantFrom('h', 'o', 'e', 'x', 'f'),
    data: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  });
  fc.assert(
    fc.property(
      fc.array(answer),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      (all, sizes) => {
        const bytes = Buffer.concat(all.map(answerFrame));
        const heard: Answer[] = [];
        const read = answerReader((one) => heard.push({ ...one, data: Buffer.from(one.data) }));
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          read(bytes.subarray(at, at + size));
          at += size;
        }
        expect(heard).toEqual(all);
      },
    ),
  );
});
