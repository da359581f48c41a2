// SHA-256 as lower-case hex, by the quickest way this Node has.
import * as crypto from 'node:crypto';

type OneShot = (algorithm: string, data: string | Uint8Array, encoding: 'hex') => string;

// crypto.hash came with Node 20.12 and 21.7; Debian 12 ships 18.19. Strings are hashed as UTF-8 by both.
const oneShot = (crypto as { hash?: OneShot }).hash;

export const sha256Hex: (data: string | Uint8Array) => string = oneShot
  ? (data) => oneShot('sha256', data, 'hex')
  : (data) => crypto.createHash('sha256').update(data).digest('hex');
