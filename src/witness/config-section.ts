// The section [witness] of the configuration: whether and for whom this host is a witness.

import { isIP } from 'node:net';
import type * as z from 'zod';
import { isKeyName, SIGNATURE } from '../core/ledger/note/keys.ts';
import { keyProblem } from '../core/ledger/witnesses-field.ts';
import { checkedText, flag, list, table } from '../core/lib/fields.ts';
import { quoted } from '../core/lib/quoted.ts';

export const witnessSchema = table({
  listen: checkedText('must be "ADDRESS:PORT" or ""', listenProblem).default(''),
  https: flag(false),
  name: checkedText('must be the name of a key, or ""', (text) =>
    text === '' || (isKeyName(text) && text.length <= 200)
      ? undefined
      : 'must have at most 200 characters, and no space or plus sign',
  ).default(''),
  logs: list(
    checkedText("must be a log's public key", (text) => keyProblem(text, SIGNATURE.ed25519)),
    'must be a list of public keys such as ["NAME+1a2b3c4d+KEY"]',
  ).default([]),
  cluster: flag(false),
});

export type WitnessSection = z.infer<typeof witnessSchema>;

/** Undefined for what names no address and port; a host name could be another address tomorrow. */
export function parseListen(text: string): { host: string; port: number } | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? '';
  const port = Number(digits);
  if (isIP(host) !== (bracketed === undefined ? 4 : 6) || !(port >= 1 && port <= 65_535)) return undefined;
  return { host, port };
}

function listenProblem(text: string): string | undefined {
  return text === '' || parseListen(text)
    ? undefined
    : `must be an address of this host and a port, such as "192.0.2.10:7380" or "[2001:db8::10]:7380", not ${quoted(text, 60)}`;
}
