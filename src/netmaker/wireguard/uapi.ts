// Reads the answer of a userspace WireGuard (wireguard-go, boringtun) to `get=1`; pure.

import * as z from 'zod';
import { AgentError } from '../../core/lib/errors.ts';
import { listenPortSchema, type MeshPeer, peerSchema } from './interface.ts';

/** What is sent: https://www.wireguard.com/xplatform/, "Configuration Protocol". */
export const UAPI_GET = 'get=1\n\n';

/** Before this (2001-09-09) nobody shook hands: what is lower is an age, see `sinceEpoch`. */
const FIRST_SECOND = 1_000_000_000;

const answerSchema = z.object({
  listenPort: listenPortSchema,
  peers: z.array(peerSchema.extend({ lastHandshakeNs: z.string() })),
  errno: z.literal('0'),
});

export interface UapiAnswer {
  listenPort: number | null;
  peers: MeshPeer[];
}

type RawPeer = { publicKey: string; allowedIps: string[] } & Record<string, unknown>;

/** Names of the protocol to ours. Secret keys are not among them: what is not here is not kept. */
const PEER_FIELDS: Readonly<Record<string, string>> = {
  endpoint: 'endpoint',
  last_handshake_time_sec: 'lastHandshake',
  last_handshake_time_nsec: 'lastHandshakeNs',
  rx_bytes: 'rx',
  tx_bytes: 'tx',
};

/**
 * `text` is the whole answer with the empty line at its end; `nowS` seconds since the epoch.
 * Throws `wireguard-unreadable`, whose message and cause hold nothing of the text: it has the private key.
 */
export function parseUapi(text: string, nowS: number): UapiAnswer {
  const raw = { listenPort: '0', peers: [] as RawPeer[], errno: undefined as string | undefined };
  if (!text.endsWith('\n\n')) throw garbled();
  for (const line of text.slice(0, -2).split('\n')) {
    const at = line.indexOf('=');
    if (at < 1) throw garbled();
    const key = line.slice(0, at);
    const value = line.slice(at + 1);
    const peer = raw.peers.at(-1);
    const field = Object.hasOwn(PEER_FIELDS, key) ? PEER_FIELDS[key] : undefined;
    if (key === 'public_key') raw.peers.push(emptyPeer(value));
    else if (key === 'errno') raw.errno = value;
    else if (key === 'listen_port') raw.listenPort = value;
    else if (key === 'allowed_ip') peer?.allowedIps.push(value);
    else if (field !== undefined && peer !== undefined) peer[field] = value;
  }
  const read = answerSchema.safeParse(raw);
  if (!read.success) throw garbled();
  const peers = read.data.peers.map(({ lastHandshakeNs, ...peer }) => ({
    ...peer,
    lastHandshake: sinceEpoch(peer.lastHandshake, /[1-9]/.test(lastHandshakeNs), nowS),
  }));
  return { listenPort: read.data.listenPort, peers };
}

function emptyPeer(hex: string): RawPeer {
  const publicKey = /^[0-9a-f]{64}$/i.test(hex) ? Buffer.from(hex, 'hex').toString('base64') : '';
  const never = { lastHandshake: '0', lastHandshakeNs: '0' };
  return { publicKey, endpoint: null, allowedIps: [], ...never, rx: '0', tx: '0' };
}

/**
 * The protocol wants the instant; boringtun gives the time since then (cloudflare/boringtun#447). Zero seconds is
 * never, unless there are nanoseconds beside them: an age below one second.
 */
function sinceEpoch(seconds: number | null, hasNs: boolean, nowS: number): number | null {
  if (seconds === null) return hasNs ? nowS : null;
  return seconds < FIRST_SECOND ? nowS - seconds : seconds;
}

function garbled(): AgentError {
  return new AgentError('wireguard-unreadable', 'A userspace WireGuard answered what is not its protocol');
}
