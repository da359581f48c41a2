// What the hooks' stub writes is read as it was meant, and nothing else is.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hookAnswer, parseHookRequest } from '../../../src/api/hook-request.ts';

const ID = '5c9b2e54-6a0a-4a0e-9a0e-0d1f2a3b4c5d';
const word = fc
  .string({ unit: 'binary', maxLength: 40 })
  .map((text) => Buffer.from(text.replaceAll('\0', '')).toString());
const key = fc.stringMatching(/^LXC_[A-Z_]{1,20}$/);

describe('a request of the stub', () => {
  it('arrives as it was said, whatever the words are', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), fc.dictionary(key, word), (argv, env) => {
        const words = ['ovs-port-agent hook 1', 'lxc', ID, '42', String(argv.length), ...argv];
        const bytes = Buffer.from([...words, ...Object.entries(env).map(([k, v]) => `${k}=${v}`)].join('\0'));
        expect(parseHookRequest(bytes)).toEqual({ kind: 'lxc', id: ID, pid: 42, argv, env: { ...env } });
      }),
    );
  });

  it.each([
    ['nothing', ''],
    ['another version', `ovs-port-agent hook 2\0lxc\0${ID}\x001\x000`],
    ['another kind', `ovs-port-agent hook 1\0docker\0${ID}\x001\x000`],
    ['an id that is none', `ovs-port-agent hook 1\0lxc\0x\x001\x000`],
    ['fewer words than it says', `ovs-port-agent hook 1\0lxc\0${ID}\x001\x002\0a`],
    ['a count that is none', `ovs-port-agent hook 1\0lxc\0${ID}\x001\x00-1\0a`],
    ['no process', `ovs-port-agent hook 1\0lxc\0${ID}\x000\x000`],
    ['a variable without a name', `ovs-port-agent hook 1\0lxc\0${ID}\x001\x000\0=a`],
    ['too much', `ovs-port-agent hook 1\0lxc\0${ID}\x001\x001\0${'x'.repeat(70_000)}`],
  ])('is none with %s', (_, text) => {
    expect(parseHookRequest(Buffer.from(text))).toBeUndefined();
  });

  it('is none, and throws nothing, for any other bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(parseHookRequest(Buffer.from(bytes))).toBeUndefined();
      }),
    );
  });
});

describe('the answer', () => {
  it('is one line', () => {
    fc.assert(
      fc.property(fc.string(), (line) => {
        expect(hookAnswer(0, line)).toMatch(/^0 [^\n]*\n$/);
      }),
    );
  });
});
