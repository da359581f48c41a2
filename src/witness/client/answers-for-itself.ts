// Whether nobody on the way can speak in a witness's place: a cosignature proves itself, a refusal does not. Pure.

import { isIP } from 'node:net';

/** True by https, and on this machine. @param url of a witness */
export function answersForItself(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:') return true;
  const host = hostname.replace(/^\[|\]$/g, '');
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
