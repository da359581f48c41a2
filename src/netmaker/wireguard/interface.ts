// What a WireGuard interface tells of itself and its peers; never a key that is secret.

import { isIP, isIPv6 } from 'node:net';
import * as z from 'zod';
import { kernelNameProblem } from '../../core/lib/device-name.ts';

export interface MeshPeer {
  /** Base64, as `wg` shows it. */
  publicKey: string;
  /** `ADDRESS:PORT`, IPv6 in brackets; null: none known. */
  endpoint: string | null;
  /** `ADDRESS/PREFIX`. */
  allowedIps: readonly string[];
  /** Seconds since the epoch; null: never. */
  lastHandshake: number | null;
  /** Bytes. */
  rx: number;
  tx: number;
}

export interface MeshInterface {
  interface: string;
  source: 'kernel' | 'userspace';
  /** Null: none yet. */
  listenPort: number | null;
  peers: readonly MeshPeer[];
}

/** More than these are not looked at: a container can make any number. They are counted. */
export const INTERFACES_MAX = 16;

export interface MeshInterfaces {
  interfaces: readonly MeshInterface[];
  /** How many more there are, as far as they were counted. */
  leftOut: number;
}

export const interfaceNameSchema = z.string().refine((name) => kernelNameProblem(name) === undefined);

/** Both interfaces to WireGuard count in 64 bits, JSON and the ledger in 53. */
const counterSchema = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform((digits) => Math.min(Number(digits), Number.MAX_SAFE_INTEGER));

const portSchema = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .refine((port) => port <= 65535);

const endpointSchema = z
  .string()
  .max(80)
  .refine((text) => {
    const [, ipv6, ipv4, port = ''] = /^(?:\[([^[\]]+)\]|([0-9.]+)):(\d+)$/.exec(text) ?? [];
    // The zone of a link-local address: a name of the container's own.
    const [address = '', zone = '0', ...more] = (ipv6 ?? '').split('%');
    const isAddress = ipv4 === undefined ? isIPv6(address) && more.length === 0 : isIP(ipv4) === 4;
    return isAddress && /^[\w.-]{1,15}$/.test(zone) && portSchema.safeParse(port).success;
  });

const allowedIpSchema = z
  .string()
  .max(50)
  .refine((text) => {
    const [address = '', prefix = '', ...more] = text.split('/');
    const family = isIP(address);
    const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.POSITIVE_INFINITY;
    return more.length === 0 && family !== 0 && bits <= (family === 4 ? 32 : 128);
  });

const keySchema = z.string().regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/);

export const peerSchema = z.object({
  publicKey: keySchema,
  endpoint: endpointSchema.nullable(),
  allowedIps: z.array(allowedIpSchema),
  lastHandshake: counterSchema.transform((seconds) => (seconds === 0 ? null : seconds)),
  rx: counterSchema,
  tx: counterSchema,
});

export const listenPortSchema = portSchema.transform((port) => (port === 0 ? null : port));
