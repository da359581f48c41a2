// The agent's sign of life for systemd.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startWatchdog } from '../../../src/agent/watchdog.ts';

let told: string[];
let errors: unknown[];

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  errors = [];
});
afterEach(() => void vi.useRealTimers());

const start = (env: Record<string, string>, fails = false) =>
  startWatchdog({
    env,
    exec: async (file, args, options) => {
      told.push([file, ...args, options?.env?.NOTIFY_SOCKET].join(' '));
      if (fails) throw new Error('no');
      return '';
    },
    onError: (error) => void errors.push(error),
  });

it('is given three times within the time that systemd allows, until the agent stops', () => {
  const watchdog = start({ NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '60000000' });
  vi.advanceTimersByTime(40_000);
  expect(told).toEqual(Array(3).fill('systemd-notify WATCHDOG=1 /run/notify'));
  watchdog.close();
  vi.advanceTimersByTime(60_000);
  expect(told).toHaveLength(3);
});

it.each([{}, { NOTIFY_SOCKET: '/run/notify' }, { WATCHDOG_USEC: '60000000' }])(
  'is not given where nobody asks for it: %o',
  (env) => {
    start(env as Record<string, string>);
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual([]);
  },
);

it('that cannot be given is told, and given again', async () => {
  start({ NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '60000000' }, true);
  await vi.advanceTimersByTimeAsync(20_000);
  expect([told.length, errors.length]).toEqual([2, 2]);
});
