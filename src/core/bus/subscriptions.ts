// Who listens to which signals: match rules at the bus, counted, and which signals are believed.

import * as z from 'zod/mini';
import type { BusSignal, MatchRule } from './bus.ts';
import { busErrorType } from './bus.ts';
import { decode } from './dbus-next.ts';
import type { Header } from './frames.ts';
import { nameOwners } from './name-owners.ts';

type Listener = (signal: BusSignal) => void;

export interface SubscriptionParts {
  /** The name that the bus itself sends under. */
  daemon: string;
  /** Calls a method of the bus itself. */
  ask(member: string, signature: string, body: unknown[]): Promise<unknown[]>;
  /** False once there is no connection to take a rule from. */
  isOpen(): boolean;
}

export interface Subscriptions {
  /** Resolves to a function that ends the subscription. */
  add(rule: MatchRule, listener: Listener): Promise<() => Promise<void>>;
  /** Whether somebody listens to it, as far as its header tells. */
  wants(header: Header): boolean;
  take(header: Header, body: Buffer | undefined): void;
}

/** Bytes of a signal; ours carry names and numbers. */
const SIGNAL_MAX = 1024 * 1024;

const nameReply = z.tuple([z.string()]);
const ownerSignal = z.tuple([z.string(), z.string(), z.string()]);

function ruleText(rule: MatchRule): string {
  const parts = [`type='signal'`, `sender='${rule.sender}'`, `interface='${rule.interface}'`];
  parts.push(`member='${rule.member}'`);
  if (rule.path !== undefined) parts.push(`path='${rule.path}'`);
  if (rule.arg0 !== undefined) parts.push(`arg0='${rule.arg0}'`);
  return parts.join(',');
}

export function openSubscriptions({ daemon, ask, isOpen }: SubscriptionParts): Subscriptions {
  const listeners = new Set<{ rule: MatchRule; listener: Listener }>();
  const users = new Map<string, number>();
  const ownerChanged = { sender: daemon, interface: daemon, member: 'NameOwnerChanged' };
  const owners = nameOwners(daemon, {
    watch: (name) => addRule(ruleText({ ...ownerChanged, arg0: name })),
    async ask(name) {
      try {
        return nameReply.parse(await ask('GetNameOwner', 's', [name]))[0];
      } catch (error) {
        if (busErrorType(error) === `${daemon}.Error.NameHasNoOwner`) return undefined;
        throw error;
      }
    },
  });

  async function addRule(text: string): Promise<void> {
    const before = users.get(text) ?? 0;
    users.set(text, before + 1);
    if (before === 0) await ask('AddMatch', 's', [text]);
  }

  async function removeRule(text: string): Promise<void> {
    const left = (users.get(text) ?? 1) - 1;
    if (left > 0) users.set(text, left);
    else {
      users.delete(text);
      if (isOpen()) await ask('RemoveMatch', 's', [text]);
    }
  }

  const isOwnerChange = (header: Header) =>
    header.sender === daemon && header.interface === daemon && header.member === ownerChanged.member;

  const hearers = (header: Header) =>
    [...listeners].filter(
      ({ rule }) =>
        header.interface === rule.interface &&
        header.member === rule.member &&
        (rule.path === undefined || header.path === rule.path) &&
        owners.isFrom(rule.sender, header.sender),
    );

  return {
    async add(rule, listener) {
      await owners.know(rule.sender);
      const entry = { rule, listener };
      listeners.add(entry);
      const text = ruleText(rule);
      await addRule(text);
      return async () => {
        if (listeners.delete(entry)) await removeRule(text);
      };
    },
    wants: (header) =>
      header.bodyLength <= SIGNAL_MAX && (isOwnerChange(header) || hearers(header).length > 0),
    take(header, bytes) {
      const hear = hearers(header);
      if (hear.length === 0 && !isOwnerChange(header)) return;
      if (bytes === undefined && header.bodyLength > 0) return;
      const { sender = '', path = '', interface: interfaceName = '', member = '' } = header;
      const body = readable(header, bytes);
      if (body === undefined) return;
      const change = isOwnerChange(header) ? ownerSignal.safeParse(body) : undefined;
      if (change?.success) owners.changed(change.data[0], change.data[2]);
      const signal: BusSignal = { sender, path, interface: interfaceName, member, body };
      for (const { rule, listener } of hear) {
        if (rule.arg0 !== undefined && body[0] !== rule.arg0) continue;
        try {
          listener(signal);
        } catch {
          // What one cannot make sense of is as good as not said, to that one and to nobody else.
        }
      }
    },
  };
}

function readable(header: Header, bytes: Buffer | undefined): unknown[] | undefined {
  try {
    return decode(header.signature, bytes, header.littleEndian);
  } catch {
    return undefined;
  }
}
