// Where a STUN server is, as people write it.

import { isIPv6 } from 'node:net';
import { AgentError } from '../../core/lib/errors.ts';

export interface StunServer {
  /** Name or address. */
  host: string;
  port: number;
}

/** RFC 8489 18.6. */
const STUN_PORT = 3478;
/** RFC 1123 2.1, underscores as some resolvers know them; also an IPv4 address. */
const NAME =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i;

/** `HOST`, `HOST:PORT`, `[ADDRESS6]:PORT` or a bare IPv6 address. Throws `bad-argument`. */
export function parseStunServer(text: string): StunServer {
  if (isIPv6(text)) return { host: text, port: STUN_PORT };
  const [, bracketed, plain, digits = String(STUN_PORT)] =
    /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? '';
  const port = Number(digits);
  const fine = bracketed === undefined ? NAME.test(host) : isIPv6(host);
  if (!fine || port < 1 || port > 65535) {
    const shown = JSON.stringify(text.slice(0, 60));
    throw new AgentError('bad-argument', `A STUN server is HOST:PORT or [ADDRESS]:PORT, not ${shown}`);
  }
  return { host, port };
}
