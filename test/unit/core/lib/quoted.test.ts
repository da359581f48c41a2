// How a sentence shows a text that came from outside.

import { expect, it } from 'vitest';
import { quoted } from '../../../../src/core/lib/quoted.ts';

it('is in quotes, without what a terminal would obey, and ends in an ellipsis where it was cut', () => {
  expect(quoted('vi101', 5)).toBe('"vi101"');
  expect(quoted('vi1010', 5)).toBe('"vi101…"');
  expect(quoted('a\u001b[31m"', 60)).toBe('"a\\u001b[31m\\""');
});
