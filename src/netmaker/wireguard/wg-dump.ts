// Reads `wg show INTERFACE dump`, the tab-separated form for scripts (wg(8)); pure.

import * as z from 'zod';
import { AgentError } from '../../core/lib/errors.ts';
import { listenPortSchema, type MeshPeer, peerSchema } from './interface.ts';

const dumpSchema = z.object({ listenPort: listenPortSchema, peers: z.array(peerSchema) });

/**
 * First line: private key, public key, listen port, fwmark. Further lines: public key, preshared key, endpoint,
 * allowed ips, latest handshake, bytes received, bytes sent, keepalive. Secret keys are not kept.
 * Throws `wireguard-unreadable`, whose message and cause hold nothing of the text.
 */
export function parseWgDump(text: string): { listenPort: number | null; peers: MeshPeer[] } {
  const [own = '', ...others] = text.replace(/\n$/, '').split('\n');
  const listenPort = own.split('\t')[2];
  const peers = others.map((line) => {
    const [publicKey, , endpoint, allowed, lastHandshake, rx, tx] = line.split('\t');
    return {
      publicKey,
      endpoint: endpoint === '(none)' ? null : endpoint,
      allowedIps: allowed === '(none)' ? [] : allowed?.split(','),
      lastHandshake,
      rx,
      tx,
    };
  });
  const read = dumpSchema.safeParse({ listenPort, peers });
  if (read.success) return read.data;
  throw new AgentError('wireguard-unreadable', 'What `wg show dump` printed was not understood');
}
