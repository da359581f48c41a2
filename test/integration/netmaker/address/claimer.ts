// A child process for the tests: claims from 50 sides without end, and prints each answer.
import { writeSync } from 'node:fs';
import { openLeases } from '../../../../src/netmaker/address/leases.ts';

const [path = '', from = '0'] = process.argv.slice(2);
const leases = await openLeases({
  path,
  pools: [
    { family: 4, subnet: '10.218.0.0/16', gateway: '10.218.0.1', prefix: 16 },
    { family: 6, subnet: '2001:db8::/64', gateway: '2001:db8::1', prefix: 64 },
  ],
  reserved: [],
  cooldownMs: 300_000,
  misses: 3,
  now: Date.now,
  inUse: () => new Set(),
  held: () => [],
  onProblem: (problem) => writeSync(1, `problem ${problem}\n`),
});

async function claim(n: number): Promise<void> {
  const key = n.toString(16).padStart(64, '0');
  const addresses = await leases.claim({ key, name: `c${n}`, requested: {} });
  writeSync(1, `claimed ${n} ${addresses.map(({ address }) => address).join(' ')}\n`);
}

async function claimForever(side: number): Promise<void> {
  for (let n = Number(from) + side; ; n += 50) await claim(n);
}

await Promise.all(Array.from({ length: 50 }, (_, side) => claimForever(side)));
