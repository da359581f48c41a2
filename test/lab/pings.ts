// Whether a guest stays reachable while something is done to it.
import { expect } from 'vitest';
import type { Host } from './host.ts';

/** What ping prints, with the time of each answer. */
async function pingsDuring(host: Host, address: string, work: () => Promise<unknown>): Promise<string> {
  const pings = host.sh(`echo $$ >/tmp/pings.pid; exec ping -D -i 0.01 ${address}`);
  await host.sh('until [ -s /tmp/pings.pid ]; do sleep 0.05; done; sleep 0.3');
  try {
    await work();
  } finally {
    await host.sh('sleep 0.3; kill -INT $(cat /tmp/pings.pid); rm /tmp/pings.pid');
  }
  return pings;
}

/** Pings `address` 100 times a second while `work` runs; gives how many went unanswered. */
export async function lostDuring(host: Host, address: string, work: () => Promise<unknown>): Promise<number> {
  const text = await pingsDuring(host, address, work);
  const answered = new Set(
    [...text.matchAll(/ icmp_seq=(\d+) ttl/g)].map(([, sequence]) => Number(sequence)),
  );
  expect(answered.size).toBeGreaterThan(50);
  // Those after the last answer were on their way when the pings ended.
  return Math.max(...answered) - answered.size;
}

/** Pings `address` 100 times a second while `work` runs; gives the longest time without an answer, in ms. */
export async function longestGapDuring(
  host: Host,
  address: string,
  work: () => Promise<unknown>,
): Promise<number> {
  const text = await pingsDuring(host, address, work);
  const times = [...text.matchAll(/^\[(\d+\.\d+)\].* ttl=/gm)].map(([, seconds]) => Number(seconds) * 1000);
  expect(times.length).toBeGreaterThan(50);
  return Math.max(...times.slice(1).map((time, before) => time - (times[before] ?? time)));
}

/** Waits until `address` answers, through that interface if one is named; a VM takes some seconds to boot. */
export async function expectReachable(
  host: Host,
  address: string,
  withinSeconds = 30,
  via?: string,
): Promise<void> {
  const through = via === undefined ? '' : `-I ${via}`;
  const ping = `until ping -c1 -W1 ${through} ${address} >/dev/null 2>&1; do sleep 0.2; done`;
  const { exitCode } = await host.exec(['timeout', String(withinSeconds), 'sh', '-c', ping]);
  expect(exitCode, `${address} answers within ${withinSeconds} s`).toBe(0);
}
