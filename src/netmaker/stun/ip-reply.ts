// What the /ip responder says to a request: the caller's address, as public services of this kind do; pure.

export interface IpReply {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** `url` as it stands in the request line; a query is ignored, as icanhazip and others do. */
export function ipReply(method: string | undefined, url: string | undefined, caller: string): IpReply {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
  if (method !== 'GET' && method !== 'HEAD') {
    return { status: 405, headers: { ...headers, allow: 'GET, HEAD' }, body: '' };
  }
  const path = url?.split('?', 1)[0];
  if (path !== '/' && path !== '/ip') return { status: 404, headers, body: 'not found\n' };
  return { status: 200, headers, body: `${caller}\n` };
}
