// A signal asks the agent to stop, and no more: what it still has to do then is not cut off.
import { afterEach, expect, it, vi } from 'vitest';
import { terminated } from '../../../src/agent/start-and-end.ts';
import { follow } from '../../../src/core/lib/exec.ts';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
const before = SIGNALS.map((signal) => process.listeners(signal));

afterEach(() => {
  vi.restoreAllMocks();
  SIGNALS.forEach((signal, at) => {
    for (const listener of process.listeners(signal))
      if (!before[at]?.includes(listener)) process.removeListener(signal, listener);
  });
});

it.each(SIGNALS)(
  'while programs of ours run, %s does not end the process under it, nor when it comes twice',
  async (signal) => {
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
    const asked = terminated();
    const stop = new AbortController();
    const monitor = follow('sleep', ['60'], () => undefined, stop.signal);
    process.emit(signal);
    process.emit(signal);
    expect(await asked).toBe(signal);
    expect(kill).not.toHaveBeenCalledWith(process.pid, signal);
    stop.abort();
    await monitor;
  },
);
