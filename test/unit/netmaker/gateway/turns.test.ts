import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Follow } from '../../../../src/core/lib/exec.ts';
import { settled, watchDisturbances } from '../../../../src/netmaker/gateway/disturbance.ts';
import { oneAtATime } from '../../../../src/netmaker/gateway/gateway.ts';

describe('wishes', () => {
  it('are carried out one at a time, and of those that wait only the last', async () => {
    const begun: string[] = [];
    const ends: (() => void)[] = [];
    const call = oneAtATime(async (wish: string) => {
      begun.push(wish);
      await new Promise<void>((resolve) => ends.push(resolve));
      return `did ${wish}`;
    });
    const first = call('a');
    await Promise.resolve();
    const rest = [call('b'), call('c')];
    expect(begun).toEqual(['a']);
    ends[0]?.();
    expect(await first).toBe('did a');
    await vi.waitFor(() => expect(begun).toEqual(['a', 'c']));
    ends[1]?.();
    expect(await Promise.all(rest)).toEqual(['did c', 'did c']);
  });

  it('are carried out after one that failed', async () => {
    const call = oneAtATime(async (wish: string) => {
      if (wish === 'bad') throw new Error('no');
      return wish;
    });
    await expect(call('bad')).rejects.toThrow('no');
    expect(await call('good')).toBe('good');
  });
});

describe('disturbances', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('call back once for a burst, after 50 ms', () => {
    let calls = 0;
    const disturb = settled(() => calls++, new AbortController().signal);
    for (let line = 0; line < 20; line++) disturb();
    vi.advanceTimersByTime(49);
    expect(calls).toBe(0);
    vi.advanceTimersByTime(1);
    expect(calls).toBe(1);
    vi.advanceTimersByTime(10_000);
    expect(calls).toBe(1);
  });

  it('on a host that never rests call back about once a second', () => {
    let calls = 0;
    const disturb = settled(() => calls++, new AbortController().signal);
    for (let ms = 0; ms < 60_000; ms += 10) {
      disturb();
      vi.advanceTimersByTime(10);
    }
    expect(calls).toBeGreaterThan(55);
    expect(calls).toBeLessThan(70);
  });

  it('are quick again after a quiet time', () => {
    let calls = 0;
    const disturb = settled(() => calls++, new AbortController().signal);
    for (let ms = 0; ms < 5_000; ms += 10) {
      disturb();
      vi.advanceTimersByTime(10);
    }
    vi.advanceTimersByTime(5_000);
    const before = calls;
    disturb();
    vi.advanceTimersByTime(50);
    expect(calls).toBe(before + 1);
  });

  it('go on, and are told of, when a program that tells of them ends', async () => {
    const starts: string[] = [];
    const follow: Follow = async (file, _args, _onLine, signal) => {
      starts.push(file);
      if (starts.length > 2)
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    };
    let calls = 0;
    const closing = new AbortController();
    watchDisturbances(follow, () => calls++, closing.signal);
    await vi.advanceTimersByTimeAsync(1000);
    expect(starts).toEqual(['nft', 'ip', 'nft', 'ip']);
    expect(calls).toBe(1);
    closing.abort();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(starts).toHaveLength(4);
  });
});
