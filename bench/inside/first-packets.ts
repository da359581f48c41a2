// The referee on the uplink: when the first packet from each source address left, by the clock of the kernel.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const UPLINK = 'uplink0';
const WAIT_MS = 30_000;

export interface FirstPackets {
  /** Wall clock in ms of the first echo request from `address` since `since`. Rejects after 30 s. */
  from(address: string, since: number): Promise<number>;
  /** The same of the first from any of that prefix that is not in `known`. */
  fromNew(
    prefix: string,
    known: ReadonlySet<string>,
    since: number,
  ): Promise<{ address: string; at: number }>;
  close(): void;
}

export async function watchFirstPackets(): Promise<FirstPackets> {
  const args = [
    '-tt',
    '-n',
    '-l',
    '--immediate-mode',
    '-i',
    UPLINK,
    '-Q',
    'out',
    'icmp[icmptype] = icmp-echo',
  ];
  const child = spawn('tcpdump', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  process.once('exit', () => child.kill());
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.stderr.on('data', (text) => String(text).includes('listening on') && resolve());
  });
  const looks = new Set<(address: string, at: number) => void>();
  createInterface(child.stdout).on('line', (line) => {
    const [, seconds, address] = /^(\d+\.\d+) IP (\S+) >/.exec(line) ?? [];
    if (seconds === undefined || address === undefined) return;
    for (const look of [...looks]) look(address, Number(seconds) * 1000);
  });

  const first = (what: string, fits: (address: string) => boolean, since: number) =>
    new Promise<{ address: string; at: number }>((resolve, reject) => {
      const end = setTimeout(() => {
        looks.delete(look);
        reject(new Error(`no packet from ${what} within ${WAIT_MS} ms`));
      }, WAIT_MS);
      const look = (address: string, at: number) => {
        if (at < since || !fits(address)) return;
        clearTimeout(end);
        looks.delete(look);
        resolve({ address, at });
      };
      looks.add(look);
    });

  return {
    from: async (address, since) => (await first(address, (seen) => seen === address, since)).at,
    fromNew: (prefix, known, since) =>
      first(prefix, (seen) => seen.startsWith(prefix) && !known.has(seen), since),
    close: () => void child.kill(),
  };
}
