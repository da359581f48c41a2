import { describe, expect, it } from 'vitest';
import { bytesProgress, verifyProgress } from '../../../src/cli/progress.ts';
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

describe('progress of a search', () => {
  const search = (tty: boolean, answersAfter = Number.POSITIVE_INFINITY): string[] => {
    const err: string[] = [];
    let ms = 0;
    const terminal = { ...fakeTerminal([], err, tty), now: () => new Date(NOW.getTime() + ms) };
    const meter = bytesProgress(terminal, 'search');
    for (let piece = 0; piece < 30; piece++) {
      if (piece === answersAfter) meter.end();
      ms += 100;
      meter.add(1 << 20);
    }
    meter.end();
    return err;
  };

  it('comes after two seconds, on a terminal only, until there is an answer', () => {
    expect(search(true)[0]).toBe('\rsearch: 20.0 MiB\u001b[K');
    expect(search(true).at(-1)).toBe('\r\u001b[2K');
    expect(search(false)).toEqual([]);
    expect(search(true, 5)).toEqual([]);
  });
});
