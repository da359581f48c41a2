// When a STUN request over UDP is sent again (RFC 8489 6.2.1); pure.

/** Milliseconds until the first repetition, doubled each time. */
const RTO_MS = 500;
/** How often a request is sent at most, Rc. */
const SENDS = 7;
/** How many RTOs the last one is given, Rm. */
const LAST_WAIT = 16;

/** Milliseconds to wait after each sending, as far as `deadlineMs` lets them; they add up to it or to 39.5 s. */
export function waitsBetweenSends(deadlineMs: number): number[] {
  const waits: number[] = [];
  let left = deadlineMs;
  for (let sent = 1; sent <= SENDS && left > 0; sent++) {
    const wait = Math.min(left, sent === SENDS ? LAST_WAIT * RTO_MS : RTO_MS * 2 ** (sent - 1));
    waits.push(wait);
    left -= wait;
  }
  return waits;
}
