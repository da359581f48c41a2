// What is there now of the flows of ours, read from `ovs-ofctl dump-flows`.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AgentError } from '../../core/lib/errors.ts';
import { flowsOf } from './flows.ts';
import { metersOf, meterText } from './meters.ts';
import { ADMIT, dropKind, type Spoof, TABLE, vmidOfCookie } from './pipeline.ts';
import type { SecuredPort } from './port.ts';

export interface InstalledPortSecurity {
  ofport: number;
  /** As `digestOf` of what was installed; empty when some of it is not there any more. */
  digest: string;
  /** Frames dropped since `install`, by what was not the port's own. */
  spoofed: Readonly<Record<Spoof, number>>;
  /** Frames dropped since `install` that a neighbour, or the outside, may not send to the port. */
  refused: number;
}

/** A flow of ours as it stands in a dump. */
export interface DumpedFlow {
  vmid: number;
  table: number;
  priority: number;
  packets: number;
  match: string;
  actions: string;
}

const count = z.coerce.number().int().nonnegative();
const fieldsSchema = z.object({
  cookie: z.string().regex(/^0x[0-9a-f]{1,16}$/),
  table: count,
  packets: count,
  priority: count,
  match: z.string(),
  actions: z.string(),
});
const LINE =
  /^ cookie=(?<cookie>\S+?), (?:duration=[\d.]+s, )?table=(?<table>\d+), n_packets=(?<packets>\d+), n_bytes=\d+,(?: \w+=\d+,)* priority=(?<priority>\d+)(?<match>\S*) actions=(?<actions>\S+)$/;

/** The flows of ours. Throws `flows-refused` for a line that is no flow as ovs-ofctl of 3.1 to 4.0 prints them. */
export function parseFlows(text: string): DumpedFlow[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(' cookie='))
    .flatMap((line) => {
      const fields = fieldsSchema.safeParse(LINE.exec(line)?.groups);
      if (!fields.success) {
        throw new AgentError(
          'flows-refused',
          `A flow of Open vSwitch cannot be read: ${line.trim().slice(0, 200)}`,
          {
            cause: fields.error,
          },
        );
      }
      const { cookie, match, ...flow } = fields.data;
      const vmid = vmidOfCookie(cookie);
      return vmid === undefined ? [] : [{ ...flow, vmid, match: match.replace(/^,/, '') }];
    });
}

const MARK_PRIORITY = 1;
const DIGEST_DIGITS = 11;

/** The digest of what `install` leaves behind for the port. Throws as `flowsOf`. */
export function digestOf(port: SecuredPort): string {
  const parts = [...flowsOf(port), ...metersOf(port).map(meterText)];
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, DIGEST_DIGITS);
}

/**
 * A flow that no frame meets and that holds, as its metadata, the digest, whether the port is isolated, and how many
 * flows there are beside it: 44 + 4 + 16 bits.
 */
export function markOf(port: SecuredPort): string {
  const flows = flowsOf(port).length.toString(16).padStart(4, '0');
  const metadata = `0x${digestOf(port)}${port.portSecurity.isolate ? 1 : 0}${flows}`;
  return `table=${TABLE.mark},priority=${MARK_PRIORITY},metadata=${metadata},actions=drop`;
}

function readMark(match: string) {
  const [, digits] = /(?:^|,)metadata=0x([0-9a-f]{1,16})$/.exec(match) ?? [];
  if (digits === undefined) return undefined;
  const all = digits.padStart(16, '0');
  return {
    digest: all.slice(0, DIGEST_DIGITS),
    isolate: all[DIGEST_DIGITS] === '1',
    flows: Number.parseInt(all.slice(DIGEST_DIGITS + 1), 16),
  };
}

/** An installed guard, and whether the port is isolated. */
export interface ReadPortSecurity extends InstalledPortSecurity {
  isolate: boolean;
}

/** The ports that flows of ours are for. One whose flows do not say which port it is has number 0. */
export function securityByVmidOf(flows: readonly DumpedFlow[]): Map<number, ReadPortSecurity> {
  const byVmid = new Map<number, DumpedFlow[]>();
  for (const flow of flows) {
    if (flow.vmid !== 0) byVmid.set(flow.vmid, [...(byVmid.get(flow.vmid) ?? []), flow]);
  }
  return new Map([...byVmid].map(([vmid, own]) => [vmid, securityOf(own)]));
}

function securityOf(flows: readonly DumpedFlow[]): ReadPortSecurity {
  const marks = flows.filter(({ table }) => table === TABLE.mark);
  const mark = marks.length === 1 ? readMark(marks[0]?.match ?? '') : undefined;
  const spoofed: Record<Spoof, number> = { mac: 0, arp: 0, nd: 0, ipv4: 0, ipv6: 0, other: 0 };
  let refused = 0;
  for (const { table, priority, actions, packets } of flows) {
    const kind = dropKind(table, priority, actions);
    if (kind === 'refused') refused += packets;
    else if (kind !== undefined) spoofed[kind] += packets;
  }
  const own = flows.find(({ table, priority }) => table === TABLE.admission && priority === ADMIT.ownOther);
  const whole = mark !== undefined && mark.flows === flows.length - 1;
  return {
    ofport: Number(/(?:^|,)in_port=(\d+)(?:,|$)/.exec(own?.match ?? '')?.[1] ?? 0),
    digest: whole ? mark.digest : '',
    isolate: mark?.isolate ?? false,
    spoofed,
    refused,
  };
}

/** The isolated ports that the host's multicast is given to. */
export function multicastPorts(flows: readonly DumpedFlow[]): Set<number> {
  const flow = flows.find(
    ({ vmid, table, priority }) =>
      vmid === 0 && table === TABLE.admission && priority === ADMIT.hostMulticast,
  );
  return new Set([...(flow?.actions ?? '').matchAll(/output:(\d+)/g)].map(([, ofport]) => Number(ofport)));
}

/** The ports that NORMAL does not flood to, from `ovs-ofctl -O OpenFlow10 dump-ports-desc`. */
export function parseUnfloodedPorts(text: string): Set<number> {
  const ports = text.split(/\n(?= \S+\()/).map((part) => ({
    ofport: /^ (\d+)\(/.exec(part)?.[1],
    config: /^ {5}config: +(.*)$/m.exec(part)?.[1] ?? '',
  }));
  return new Set(
    ports.flatMap(({ ofport, config }) =>
      ofport !== undefined && config.split(' ').includes('NO_FLOOD') ? [Number(ofport)] : [],
    ),
  );
}
