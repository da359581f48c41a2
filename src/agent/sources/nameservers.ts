// Which name servers a Docker container asks, so that a new default route does not lead past them.

import { open } from 'node:fs/promises';
import { isUnicast, parseIp } from '../../core/guest/cidr.ts';
import type { DockerContainer } from '../../core/guest/docker-attach.ts';

/** resolv.conf(5) takes three; a container may write its own file, of any length. */
const SERVERS_MAX = 6;
const FILE_MAX = 65_536;
/** Where systemd-resolved says whom it asks; Docker takes these for containers too. */
const RESOLVED = '/run/systemd/resolve/resolv.conf';

/** Canonical addresses of servers outside the container. Never throws: a file that cannot be read names none. */
export async function nameserversOf(
  container: Pick<DockerContainer, 'ResolvConfPath' | 'HostConfig'>,
  read: (path: string) => Promise<string> = readHead,
): Promise<string[]> {
  const serversIn = async (path: string) =>
    path === '' ? [] : parseNameservers(await read(path).catch(() => ''));
  const own = await serversIn(container.ResolvConfPath);
  const found = [...own, ...(container.HostConfig.Dns ?? [])];
  // Docker's resolver inside asks the host's servers, from within the container.
  if (own.some(isLoopback)) {
    const hosts = await serversIn('/etc/resolv.conf');
    found.push(...(hosts.some(isLoopback) ? await serversIn(RESOLVED) : hosts));
  }
  const outside = found.flatMap((text) => {
    const address = parseIp(text);
    return address !== undefined && isUnicast(address) ? [address.text] : [];
  });
  return [...new Set(outside)].slice(0, SERVERS_MAX);
}

async function readHead(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(FILE_MAX), 0, FILE_MAX, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The addresses of `nameserver` lines (resolv.conf(5)). */
export function parseNameservers(text: string): string[] {
  return text.split('\n').flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? []);
}

const isLoopback = (text: string) => text.startsWith('127.') || text === '::1';
