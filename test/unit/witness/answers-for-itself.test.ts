// Whose refusal is believed: a new epoch cannot be forced by somebody on the way.

import { expect, it } from 'vitest';
import { answersForItself } from '../../../src/witness/client/answers-for-itself.ts';

it.each([
  ['https://witness.example', true],
  ['http://127.0.0.1:7777/', true],
  ['http://127.9.9.9', true],
  ['http://[::1]:7777', true],
  ['http://localhost:7777', true],
  ['http://witness.example', false],
  ['http://127.0.0.1.example', false],
  ['http://192.0.2.7', false],
  ['http://[2001:db8::1]', false],
])('%s: %s', (url, expected) => {
  expect(answersForItself(url)).toBe(expected);
});
