// How often each source may ask: token buckets, at most so many of them.

export interface BucketLimits {
  /** Tokens that come back per second. */
  perSecond: number;
  /** Tokens at most. */
  burst: number;
  /** Sources remembered; whoever was quiet longest is forgotten first. */
  sources: number;
}

/** Takes one token of a source, `now` in ms; false when it has none left. */
export type TakeToken = (source: string, now: number) => boolean;

export function tokenBuckets({ perSecond, burst, sources }: BucketLimits): TakeToken {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return (source, now) => {
    const { tokens, at } = buckets.get(source) ?? { tokens: burst, at: now };
    const filled = Math.min(burst, tokens + (Math.max(0, now - at) * perSecond) / 1000);
    const granted = filled >= 1;
    // Set anew, a key goes to the end of the order in which a Map keeps them.
    buckets.delete(source);
    if (buckets.size >= sources) for (const oldest of buckets.keys()) if (buckets.delete(oldest)) break;
    buckets.set(source, { tokens: granted ? filled - 1 : filled, at: now });
    return granted;
  };
}

/** Whom a bucket is for: an IPv4 address; of IPv6 the /64, since a host has all of it. */
export function sourceKey(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail = ''] = address.replace(/%.*$/, '').split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  return [...before, ...(address.includes('::') ? zeros : []), ...after].slice(0, 4).join(':');
}
