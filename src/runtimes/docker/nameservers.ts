// Which name servers a Docker container asks, so that a new default route does not lead past them.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { z } from 'zod';
import { openInside, pathOf } from '../../core/kernel/inside-root.ts';
import { isUnicast, parseIp } from '../../core/lib/cidr.ts';
import { AgentError, isErrno } from '../../core/lib/errors.ts';
import type { DockerContainer } from './attach.ts';

/** resolv.conf(5) takes three; a container may write its own file, of any length. */
const SERVERS_MAX = 6;
const FILE_MAX = 65_536;
const HOSTS = '/etc/resolv.conf';
/** Where systemd-resolved says whom it asks; Docker takes these for containers too. */
const RESOLVED = '/run/systemd/resolve/resolv.conf';
const DAEMON = '/etc/docker/daemon.json';

export interface ResolverFiles {
  /** Text of a file of the host. */
  read: (path: string) => Promise<string>;
  /** Text of a file of the container with that process, whatever its links say. */
  readInside: (pid: number, path: string) => Promise<string>;
}

const daemonSchema = z.object({ dns: z.array(z.string()).default([]) });

/**
 * Canonical addresses of servers that the container asks from within its own network. Throws `container-not-attachable`
 * when that cannot be read: with a route for none of them, it could look up no name any more.
 */
export async function nameserversOf(
  {
    ResolvConfPath: path,
    HostConfig,
    State,
  }: Pick<DockerContainer, 'ResolvConfPath' | 'HostConfig' | 'State'>,
  files: ResolverFiles = { read: readHead, readInside },
): Promise<string[]> {
  const text = path === '' ? '' : await ownFile(path, State.Pid, files);
  const own = parseNameservers(text);
  const asked = HostConfig.Dns ?? [];
  const found = own.some(isLoopback) ? await behindDocker(text, asked, files) : [...own, ...asked];
  const outside = found.flatMap((server) => {
    const address = parseIp(server);
    return address !== undefined && isUnicast(address) && !isLoopback(address.text) ? [address.text] : [];
  });
  return [...new Set(outside)].slice(0, SERVERS_MAX);
}

/** Docker's copy, or the container's own view of it where Docker keeps its data out of our sight (`ProtectHome`). */
async function ownFile(path: string, pid: number, { read, readInside: inside }: ResolverFiles) {
  try {
    return await read(path);
  } catch (cause) {
    try {
      return await inside(pid, HOSTS);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return '';
      throw new AgentError('container-not-attachable', `Its name servers cannot be read from ${path}`, {
        cause,
      });
    }
  }
}

/**
 * Docker's resolver in the container (127.0.0.11) asks others from the container's network: those that it notes in its file
 * (moby:daemon/libnetwork/internal/resolvconf, since 25.0; `host(…)` is asked from the host's network), else those of the
 * container, of Docker's configuration, or of the host.
 */
async function behindDocker(text: string, asked: readonly string[], { read }: ResolverFiles) {
  const noted = /^# ExtServers: \[(.*)\]$/m.exec(text)?.[1];
  if (noted !== undefined) return noted.split(/\s+/).filter((entry) => parseIp(entry) !== undefined);
  if (asked.length > 0) return asked;
  const hostFile = async (path: string) => {
    try {
      return await read(path);
    } catch (cause) {
      if (isErrno(cause, 'ENOENT')) return '';
      throw new AgentError('container-not-attachable', `Its name servers cannot be read from ${path}`, {
        cause,
      });
    }
  };
  const ofDaemon = dnsOf(await hostFile(DAEMON));
  if (ofDaemon.length > 0) return ofDaemon;
  const hosts = parseNameservers(await hostFile(HOSTS));
  return hosts.some(isLoopback) ? parseNameservers(await hostFile(RESOLVED)) : hosts;
}

/** Docker itself does not start with a file that it cannot read. */
function dnsOf(text: string): string[] {
  try {
    return daemonSchema.parse(JSON.parse(text)).dns;
  } catch {
    return [];
  }
}

const readHead = async (path: string): Promise<string> => headOf(await open(path));

async function readInside(pid: number, path: string): Promise<string> {
  const place = await openInside({ path: `/proc/${pid}/root`, mountinfo: `/proc/${pid}/mountinfo` }, path);
  try {
    if (!(await place.stat()).isFile()) throw new Error('it is not a file');
    return await headOf(await open(pathOf(place), constants.O_RDONLY | constants.O_NONBLOCK));
  } finally {
    await place.close();
  }
}

async function headOf(file: FileHandle): Promise<string> {
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
