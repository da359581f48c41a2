// Whether a guest stays reachable while something is done to it.
import { expect } from 'vitest';
import type { Host } from './host.ts';

/** What ping prints, with the time of each answer; `within`: a network namespace of the host's. */
async function pingsDuring(
  host: Host,
  address: string,
  work: () => Promise<unknown>,
  within?: string,
): Promise<string> {
  const enter = within === undefined ? '' : `ip netns exec ${within}`;
  const pings = host.sh(`echo $$ >/tmp/pings.pid; exec ${enter} ping -D -i 0.01 ${address}`);
  // Whoever awaits it hears of its failure, also when `work` fails first.
  pings.catch(() => undefined);
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
  return (await unansweredDuring(host, address, work)).length;
}

/** The same, and for each that went unanswered its number and the time (seconds of the epoch) of the answer before. */
export async function unansweredDuring(
  host: Host,
  address: string,
  work: () => Promise<unknown>,
  within?: string,
): Promise<{ sequence: number; after: string | undefined }[]> {
  const text = await pingsDuring(host, address, work, within);
  const answers = new Map(
    [...text.matchAll(/^\[(\d+\.\d+)\].* icmp_seq=(\d+) ttl/gm)].map(([, at, sequence]) => [
      Number(sequence),
      at,
    ]),
  );
  expect(answers.size).toBeGreaterThan(50);
  // Those after the last answer were on their way when the pings ended.
  const unanswered: { sequence: number; after: string | undefined }[] = [];
  let after: string | undefined;
  for (let sequence = 1; sequence < Math.max(...answers.keys()); sequence++) {
    const at = answers.get(sequence);
    if (at === undefined) unanswered.push({ sequence, after });
    else after = at;
  }
  return unanswered;
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
