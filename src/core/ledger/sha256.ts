// SHA-256 as lower-case hex, by the quickest way this Node has.
import * as crypto from 'node:crypto';

type OneShot = (algorithm: string, data: string | Uint8Array, encoding: 'hex') => string;

/** @param oneShot `crypto.hash`, which came with Node 20.12 and 21.7; Debian 12 ships 18.19. Strings are hashed as UTF-8. */
export function sha256With(oneShot: OneShot | undefined): (data: string | Uint8Array) => string {
  if (oneShot) return (data) => oneShot('sha256', data, 'hex');
  return (data) => crypto.createHash('sha256').update(data).digest('hex');
}

export const sha256Hex = sha256With((crypto as { hash?: OneShot }).hash);
