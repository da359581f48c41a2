import { describe, expect, it } from 'vitest';
import { verifyProgress } from '../../../src/cli/progress.ts';
import { fakeTerminal, NOW } from './fake.ts';

/** Feeds 100-byte lines, 1 ms each. */
function verify(lines: number, options: { tty: boolean; forced: boolean }): string[] {
  const err: string[] = [];
  let ms = 0;
  const terminal = {
    ...fakeTerminal([], err, options.tty),
    now: () => new Date(NOW.getTime() + ms),
  };
  const meter = verifyProgress(terminal, lines * 100, options.forced);
  for (let line = 0; line < lines; line++) {
    ms += 1;
    meter.onLine(Buffer.alloc(0), 0, 99);
  }
  meter.end();
  return err;
}

describe('progress', () => {
  it('is not shown for a short run', () => {
    expect(verify(1500, { tty: true, forced: false })).toEqual([]);
  });

  it('is shown on a terminal after two seconds, and wiped off at the end', () => {
    const shown = verify(10_000, { tty: true, forced: false });
    expect(shown[0]).toBe('\rverify: 40 %, 4096 blocks');
    expect(shown.at(-1)).toBe('\r\u001b[2K');
  });

  it('stays out of a log unless asked for', () => {
    expect(verify(10_000, { tty: false, forced: false })).toEqual([]);
    expect(verify(10_000, { tty: false, forced: true })).toEqual([
      'verify: 40 %, 4096 blocks',
      'verify: 81 %, 8192 blocks',
    ]);
  });
});
