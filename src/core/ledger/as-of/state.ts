// What the blocks up to a height say of the host: bridges, ports, addresses, leases. Names of fields are those of `data`.
import type { Json, JsonObject } from '../../lib/json.ts';

/** What the rules of a port let it do. */
export type Rules = {
  mac: string | null;
  addresses: string[];
  isolate: boolean;
  allow_in: string[];
  rate_in: number | null;
  rate_out: number | null;
};

export type PortThen = {
  port: string;
  interface: string | null;
  bridge: string | null;
  vmid: number | null;
  guest: string | null;
  runtime: string | null;
  driver: string | null;
  ofport: number | null;
  mac: string | null;
  /** Of the guest's end, as the agent set them. */
  addresses: string[];
  rules: Rules | null;
  /** Why something keeps it from being right; null when nothing is said. */
  held: string | null;
  /** The block since which it is a port, and when that was (RFC 3339). */
  since: number;
  at: string;
};

export type BridgeThen = { bridge: string; driver: string | null; since: number; at: string };

/** Who has an address that can move between guests, or is published. */
export type LeaseThen = {
  address: string;
  guest: string | null;
  port: string | null;
  group: string | null;
  since: number;
  at: string;
};

export type GatewayThen = { bridge: string; mode: string; published: string[]; since: number; at: string };

export type AgentThen = { running: boolean; version: string | null; since: number; at: string };

/** Everything by name; what was taken away is in it no more. */
export type StateThen = {
  /** The last block that counts; 0 for none. */
  height: number;
  /** When it was written; null for none. */
  at: string | null;
  agent: AgentThen | null;
  bridges: Map<string, BridgeThen>;
  ports: Map<string, PortThen>;
  leases: Map<string, LeaseThen>;
  gateways: Map<string, GatewayThen>;
  /** What is known of a link, or set on it, before it is a port: by port. */
  links: Map<string, { mac: string | null; addresses: string[] }>;
  /** Names of containers by their id: a lease is released by it. */
  containers: Map<string, string>;
};

export function emptyState(): StateThen {
  return {
    height: 0,
    at: null,
    agent: null,
    bridges: new Map(),
    ports: new Map(),
    leases: new Map(),
    gateways: new Map(),
    links: new Map(),
    containers: new Map(),
  };
}

const byName = <T>(map: ReadonlyMap<string, T>): T[] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);

/** For programs: lists in order of their names. */
export function stateJson({ height, at, agent, bridges, ports, leases, gateways }: StateThen) {
  return {
    height,
    at,
    agent,
    bridges: byName(bridges),
    ports: byName(ports),
    leases: byName(leases),
    gateways: byName(gateways),
  };
}

/** A text, or null. */
export function textOrNull(data: JsonObject, key: string): string | null {
  const value = own(data, key);
  return typeof value === 'string' ? value : null;
}

export function numberOrNull(data: JsonObject, key: string): number | null {
  const value = own(data, key);
  return typeof value === 'number' ? value : null;
}

/** The texts of a list; none when it is no list. */
export function textsIn(data: JsonObject, key: string): string[] {
  const value = own(data, key);
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

// `data` is whatever its writer made of it, also an object with a key `__proto__`.
function own(data: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(data, key) ? data[key] : undefined;
}
