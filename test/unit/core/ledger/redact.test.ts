// Secrets stay out of the ledger, wherever in the data they stand; the rest stays as it is.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_DEPTH } from '../../../../src/core/ledger/canonical.ts';
import { REDACTED, redact, SECRET_NAMES, SECRET_WORDS } from '../../../../src/core/ledger/redact.ts';
import type { Json } from '../../../../src/core/lib/json.ts';

const SECRET = 'Zq7-hunter2-Zq7';

/** A key as programs spell it: snake, kebab, camel, shouted, with words before and after. */
const spelt = (names: readonly string[]) =>
  fc
    .tuple(
      fc.constantFrom(...names),
      fc.constantFrom('', 'db', 'x my'),
      fc.constantFrom('', 'id', 'file'),
      fc.constantFrom('_', '-', '.', ' ', 'camel'),
      fc.boolean(),
    )
    .map(([name, before, after, join, loud]) => {
      const words = `${before} ${name} ${after}`.split(' ').filter(Boolean);
      const key =
        join === 'camel'
          ? words.map((word, i) => (i === 0 ? word : word[0]?.toUpperCase() + word.slice(1))).join('')
          : words.join(join);
      return loud && join !== 'camel' ? key.toUpperCase() : key;
    });

const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'grapheme' }),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('json'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('json'), { maxKeys: 4 }),
  ),
}));

/** Puts `inner` somewhere into other data. */
const somewhere = (inner: fc.Arbitrary<Json>) =>
  fc
    .tuple(inner, fc.array(fc.tuple(fc.boolean(), fc.string(), json), { maxLength: 4 }))
    .map(([found, around]) =>
      around.reduce<Json>(
        (value, [isList, key, beside]) =>
          isList ? [beside, value] : { beside, [`in ${key.replace(/[^a-f]/g, '')}`]: value },
        found,
      ),
    );

describe('what is secret', () => {
  it.each([
    ['a name', spelt(SECRET_NAMES)],
    ['a word', spelt(SECRET_WORDS)],
  ])('is never left under %s of the list, however it is spelt and wherever it stands', (_, keys) => {
    const under = keys.chain((key) =>
      fc.constantFrom<Json>(
        { [key]: SECRET },
        { [key]: [SECRET] },
        { [key]: { a: [SECRET] } },
        { name: key, value: SECRET },
        [`--${key.replace(/[^\w-]/g, '-')}`, SECRET],
      ),
    );
    fc.assert(
      fc.property(somewhere(under), (data) => {
        const text = JSON.stringify(redact(data));
        expect(text).not.toContain(SECRET);
        expect(text).toContain(REDACTED);
      }),
    );
  });

  it.each([
    `postgres://admin:${SECRET}@db.example/x`,
    `curl -H 'Authorization: Bearer ${SECRET}' https://example`,
    `authorization: ${SECRET}`,
    `mysql --password=${SECRET} --user=a`,
    `{"api_key": "${SECRET}", "a": 1}`,
    `API-KEY = '${SECRET}'`,
    `TOKEN=${SECRET}\nOTHER=1`,
    `Bearer ${SECRET}0123456789`,
    `-----BEGIN OPENSSH PRIVATE KEY-----\n${SECRET}\n-----END OPENSSH PRIVATE KEY-----\n`,
    `-----BEGIN PRIVATE KEY-----\n${SECRET}`,
    `PRIVATE+KEY+host+0a1b2c3d+${SECRET}`,
    `eyJhbGciOiJIUzI1NiJ9.${SECRET}.${SECRET}`,
  ])('is not left in the text %j, nor in a key', (text) => {
    expect(redact(text)).not.toContain(SECRET);
    expect(JSON.stringify(redact({ [text]: [text] }))).not.toContain(SECRET);
  });

  it('is not left in JSON that stands as a text in JSON, however often, with quotes and backslashes in it', () => {
    const part = fc.constantFrom('"', '\\\\', ' ', 'x', ':');
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.array(part, { maxLength: 4 }), (levels, parts) => {
        let text = JSON.stringify({ password: `${parts.join('')}${SECRET}`, beside: 'stays' });
        for (let level = 1; level < levels; level++) text = JSON.stringify(text);
        const found = redact({ said: text });
        expect(JSON.stringify(found)).not.toContain(SECRET);
        expect(JSON.stringify(found)).toContain('stays');
        expect(redact(found)).toEqual(found);
      }),
    );
  });

  it('is not left in lists and objects under a name in JSON that is a part of a text, however deep both are', () => {
    const part = fc.constantFrom('"', '\\', ']', '}', '[', "'", ' ', 'x', ':', ',', '\n');
    const inner = fc
      .array(part, { maxLength: 5 })
      .map((parts) => `${parts.join('')}${SECRET}${parts.join('')}`);
    const holding = inner.chain((secret) =>
      fc.constantFrom<Json>(secret, [secret], ['a', secret], { value: secret }, { a: [{ b: secret }, 1] }, [
        [],
        {},
        [null, { [secret]: 1 }],
      ]),
    );
    const told = fc
      .tuple(spelt(SECRET_NAMES), holding)
      .map(([key, data]): Json => ({ before: 'stays', [key]: data, beside: 'stays too' }));
    fc.assert(
      fc.property(
        somewhere(told),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(undefined, 2),
        (data, levels, indent) => {
          let text = JSON.stringify(data, null, indent);
          for (let level = 1; level < levels; level++) text = JSON.stringify(text);
          const found = redact({ said: `it answered ${text}, and went on` });
          const all = JSON.stringify(found);
          expect(all).not.toContain(SECRET);
          for (const kept of ['it answered', 'stays', 'stays too', 'and went on'])
            expect(all).toContain(kept);
          expect(redact(found)).toEqual(found);
        },
      ),
    );
  });

  it.each([
    [`"token": ["${SECRET}","${SECRET}"] and more`, '"token": [redacted] and more'],
    [`{"password": {"value": "${SECRET}"}, "a": 1}`, '{"password": [redacted], "a": 1}'],
    [`{'api_key': ['${SECRET}', "it's"], 'a': 1}`, "{'api_key': [redacted], 'a': 1}"],
    [`credentials=[${SECRET},${SECRET}] ok`, 'credentials=[redacted] ok'],
    [`{"token": ["${SECRET}", "cut`, '{"token": [redacted]'],
    [`["{\\"token\\": \\"${SECRET}", "b"]`, '["{\\"token\\": [redacted]", "b"]'],
    [`{"my token id": "${SECRET}", "b": 1}`, '{"my token id": [redacted], "b": 1}'],
    [
      `{\\"token\\": {\\"a]\\\\\\"}\\": \\"${SECRET}\\"}, \\"b\\": 1}`,
      '{\\"token\\": [redacted], \\"b\\": 1}',
    ],
  ])('is cut out of %s, and no more than that', (text, left) => {
    expect(redact(text)).toBe(left);
  });

  it('is also what a configuration adds', () => {
    expect(redact({ licence_number: SECRET, a: `licence: ${SECRET}` }, ['licence'])).toEqual({
      licence_number: REDACTED,
      a: `licence: ${REDACTED}`,
    });
  });
});

describe('what is no secret', () => {
  it('stays as it is', () => {
    const data = {
      key: 'value',
      public_keys: ['mHsZ0Yx4n0c3h3m1pQ=='],
      password: null,
      password_set: true,
      name: 'vi101',
      value: 5,
      spinning: 'passage, opinion, and a compass',
      at: '2026-11-30T00:00:00.000Z',
      url: 'https://example:8443/path?a=b',
      text: 'port vi101: attached on vmbr0 (tap101i0)',
      mac: 'bc:24:11:00:00:01',
      args: ['--name', 'x'],
    };
    expect(redact(data)).toEqual(data);
  });

  it('is changed by no second pass, and no data is lost', () => {
    const shape = (data: Json): unknown => {
      if (Array.isArray(data)) return data.map(shape);
      return data !== null && typeof data === 'object' ? Object.values(data).map(shape) : typeof data;
    };
    fc.assert(
      fc.property(json, (data) => {
        const once = redact(data);
        expect(redact(once)).toEqual(once);
        expect(shape(once)).toEqual(shape(data));
      }),
    );
  });

  it('keeps a key named __proto__', () => {
    expect(JSON.stringify(redact(JSON.parse('{"__proto__":{"a":1}}')))).toBe('{"__proto__":{"a":1}}');
  });
});

it('refuses what is deeper than a block, and takes no more than linear time for any text', () => {
  let deep: Json = SECRET;
  for (let i = 0; i < MAX_DEPTH; i++) deep = [deep];
  expect(JSON.stringify(redact(deep))).toContain(SECRET);
  for (let i = 0; i < 50_000; i++) deep = [deep];
  expect(() => redact(deep)).toThrow('64 levels');
  const began = performance.now();
  for (const part of [
    'token',
    'a://',
    '-----BEGIN PRIVATE KEY-----',
    'password="\\',
    'token:[',
    'token:{"',
    'token x',
    'bearer ',
    'eyJ',
    '  :',
  ]) {
    redact(part.repeat(200_000 / part.length));
  }
  expect(performance.now() - began).toBeLessThan(5_000);
});
