// What happened to guests, ports and bridges, one line an event; pure.

import type { HashedBlock } from '../../core/ledger/index.ts';
import type { Json } from '../../core/lib/json.ts';
import { objectOf, portsIn, textOf } from '../../core/lib/json-value.ts';
import { printable } from '../printable.ts';
import { pad } from './table.ts';
import { localTime } from './time.ts';

const REPORTED = ['lifecycle', 'port', 'bridge', 'interface', 'connection', 'connectivity'];

/** Whether a block is told as an event. An intent is only the announcement of its outcome. */
export function isEvent({ category, metadata }: HashedBlock): boolean {
  return REPORTED.includes(category) && metadata.kind !== 'intent';
}

/**
 * `2026-11-23 09:30:32  #43  vi101 web1  port attached  on ovsbr0 (tap101i0), 84 ms  <- #41`;
 * `cause` is the height of the event that led to it.
 */
export function eventLine(block: HashedBlock, cause: number | null): string {
  const parts = [
    localTime(block.timestamp),
    pad(`#${block.height}`, 6),
    pad(printable(subject(block)), 20),
    pad(printable(what(block)), 20),
    printable(result(block)),
    ...(cause === null ? [] : [`<- #${cause}`]),
  ];
  return parts
    .filter((part, index) => part !== '' || index < 4)
    .join('  ')
    .trimEnd();
}

/**
 * `vi101 web1  port attached  on ovsbr0 (tap101i0), 84 ms`: the same without when, and as narrow as it is. Of an intent whose
 * outcome stands beside it, it does not say that there is none.
 */
export function eventWords(block: HashedBlock, hasOutcome: boolean): string {
  return [subject(block), what(block), result(block, hasOutcome)].map(printable).filter(Boolean).join('  ');
}

/** The port and its guest, or the bridge, or the agent. */
function subject({ category, data }: HashedBlock): string {
  const reported = objectOf(data);
  const ports = portsIn(reported);
  const port = ports.length > 1 ? `${ports.length} ports` : ports[0];
  const name = textOf(reported, 'guest') ?? textOf(reported, 'name');
  const guest = name ?? textOf(reported, 'vmid');
  if (port !== undefined) return name === undefined ? port : `${port} ${name}`;
  if (guest !== undefined) return guest;
  const group = textOf(reported, 'group');
  if (group !== undefined) return group;
  const isOfBridge = category === 'bridge' || category === 'connectivity';
  return (isOfBridge && textOf(reported, 'bridge')) || 'agent';
}

function what({ action, data, metadata }: HashedBlock): string {
  const source = metadata.source;
  const phase = action.startsWith('guest_') ? textOf(objectOf(data), 'phase') : undefined;
  const words = phase ?? action.replaceAll('_', ' ');
  return source === undefined ? words : `${words} (${source})`;
}

function result({ category, data, metadata }: HashedBlock, hasOutcome = false): string {
  const reported = objectOf(data);
  const bridge = category === 'bridge' ? undefined : textOf(reported, 'bridge');
  const link = textOf(reported, 'interface');
  const ms = textOf(reported, 'ms');
  const present = reported.present_now;
  const parts = [
    [bridge && `on ${bridge}`, link && `(${link})`].filter(Boolean).join(' '),
    textOf(reported, 'address'),
    textOf(reported, 'reason'),
    list(reported.reasons ?? null),
    list(reported.changes ?? null),
    textOf(reported, 'verdict'),
    typeof reported.to === 'string' ? `to ${reported.to}` : undefined,
    textOf(reported, 'version'),
    typeof present === 'boolean' ? `${present ? 'is' : 'is not'} there now` : undefined,
    ms && `${ms} ms`,
    metadata.spooled === 'true' ? 'from the spool' : undefined,
    metadata.kind === 'intent' && !hasOutcome ? 'begun, no outcome yet' : undefined,
    textOf(reported, 'error'),
  ];
  return parts.filter(Boolean).join(', ');
}

function list(value: Json): string | undefined {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string').join('; ') : undefined;
}
