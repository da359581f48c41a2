// Events of one guest keep their order; guests do not wait for one another, up to the limit.

import { describe, expect, it } from 'vitest';
import { keyedQueue } from '../../../../src/core/lib/keyed-queue.ts';

function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe('the queue of guests', () => {
  it('runs the tasks of one guest one after another, in order', async () => {
    const queue = keyedQueue(8);
    const seen: string[] = [];
    const first = gate();
    const a = queue.run('vmid:101', async () => {
      await first.opened;
      seen.push('start');
    });
    const b = queue.run('vmid:101', async () => void seen.push('stop'));
    first.open();
    await Promise.all([a, b]);
    expect(seen).toEqual(['start', 'stop']);
  });

  it('lets another guest pass one that hangs', async () => {
    const queue = keyedQueue(2);
    const never = gate();
    const hanging = queue.run('vmid:101', () => never.opened);
    await expect(queue.run('vmid:102', async () => 'done')).resolves.toBe('done');
    never.open();
    await hanging;
  });

  it('goes on after a task that failed', async () => {
    const queue = keyedQueue(1);
    await expect(queue.run('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(queue.run('a', async () => 'yes')).resolves.toBe('yes');
  });

  it('runs no more than its limit at once', async () => {
    const queue = keyedQueue(3);
    let running = 0;
    let most = 0;
    const task = async () => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
    };
    await Promise.all([...Array(20).keys()].map((key) => queue.run(`guest ${key}`, task)));
    expect(most).toBe(3);
  });

  it('is idle once everything has run', async () => {
    const queue = keyedQueue(1);
    let done = 0;
    for (let task = 0; task < 5; task++) void queue.run('a', async () => void done++);
    await queue.idle();
    expect(done).toBe(5);
  });

  it('ends what has begun when it is closed, and begins nothing more', async () => {
    const queue = keyedQueue(2);
    const under = gate();
    const seen: string[] = [];
    const task = (name: string, until: Promise<void>) => async () => {
      await until;
      seen.push(name);
    };
    void queue.run('a', task('begun', under.opened));
    void queue.run('a', task('behind it', Promise.resolve()));
    await new Promise(setImmediate);
    const closed = queue.close();
    void queue.run('b', task('after the end', Promise.resolve()));
    expect(seen).toEqual([]);
    under.open();
    await closed;
    await new Promise(setImmediate);
    expect(seen).toEqual(['begun']);
  });
});
