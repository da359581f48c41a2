// One TCP connection from the peer far away into a container, which must outlive whatever is done to the host.
import { expect } from 'vitest';
import { eventually } from './eventually.ts';
import type { MeshHost } from './netmaker-host.ts';

const FILE = '/tmp/stream';
/** The stream is whole again when answers came for that long after the work. */
const AFTER_MS = 500;

export interface Stream {
  /** The longest time without an answer from just before `work` until the stream flows again, in ms. */
  longestPauseDuring(work: () => Promise<unknown>): Promise<number>;
}

/** The container answers on `port` already, with `peer-address echo`. */
export async function openStream(host: MeshHost, address: string, port: number): Promise<Stream> {
  const now = async () => Number(await host.sh('date +%s%3N'));
  const answers = async (since: number) => {
    const text = await host.sh(`awk '$2 >= ${since} {print $2}' ${FILE}`);
    return text.split('\n').filter(Boolean).map(Number);
  };
  await host.service('stream', 'remote', `sh -c 'exec peer-address stream ${address} ${port} >${FILE}'`);
  await eventually(
    () => answers(0),
    (times) => expect(times.length).toBeGreaterThan(100),
  );
  return {
    async longestPauseDuring(work) {
      const from = (await now()) - 100;
      await work();
      const end = await now();
      const times = await eventually(
        () => answers(from),
        (seen) => {
          expect(seen.at(-1) ?? 0).toBeGreaterThan(end + AFTER_MS);
          // Not the old answers on their way, but a stream: one every 5 ms.
          expect(seen.filter((at) => at > end).length).toBeGreaterThan(AFTER_MS / 50);
        },
        60_000,
      );
      return Math.max(...times.slice(1).map((at, before) => at - (times[before] ?? at)));
    },
  };
}
