// Looks at, and commands in, the network namespace of a container.

import { z } from 'zod';
import { AgentError, isAgentError } from '../lib/errors.ts';
import type { Exec } from '../lib/exec.ts';
import { readProc } from '../lib/read-proc.ts';
import { namespaceOf } from './host-ends.ts';
import { askIp } from './ip-batch.ts';
import {
  type Family,
  type GuestNetwork,
  linksSchema,
  routesSchema,
  rulesSchema,
} from './namespace-network.ts';

const linkSchema = z.object({
  ifindex: z.number(),
  ifname: z.string(),
  address: z.string().optional(),
  link_index: z.number().optional(),
  linkinfo: z.object({ info_kind: z.string().optional() }).optional(),
});
const linkListSchema = z.array(linkSchema);
export type Link = z.infer<typeof linkSchema>;

/** What is to be known of a namespace; one process answers all of them. */
const QUESTIONS = [
  ['address', 'show'],
  ['route', 'show', 'table', 'all'],
  ['rule', 'show'],
] as const;

/** A process id may have been given to another process meanwhile; never change anything in our own namespace. */
export async function refuseHostNamespace(pid: number): Promise<void> {
  const [theirs, ours] = await Promise.all([namespaceOf(String(pid)), namespaceOf('self')]);
  if (theirs !== undefined && theirs !== ours) return;
  const why = theirs === undefined ? 'is gone' : 'has no network namespace of its own';
  throw new AgentError('container-not-attachable', `The container's process ${pid} ${why}`);
}

export class GuestNamespace {
  readonly pid: number;
  readonly #exec: Exec;

  /** @param pid a process in it */
  constructor(exec: Exec, pid: number) {
    this.#exec = exec;
    this.pid = pid;
  }

  get #enter(): readonly [string, ...string[]] {
    return ['nsenter', `--net=/proc/${this.pid}/ns/net`, '--'];
  }

  /** Throws `exec-failed`. */
  run(command: readonly string[], input?: string): Promise<string> {
    const [file, ...before] = this.#enter;
    return this.#exec(file, [...before, ...command], input === undefined ? undefined : { input });
  }

  async links(): Promise<Link[]> {
    return linkListSchema.parse(JSON.parse(await this.run(['ip', '-json', '-details', 'link', 'show'])));
  }

  /** This link alone: a guest that may make links can have thousands, of kinds that `ip` prints in broken JSON. */
  async link(name: string): Promise<Link | undefined> {
    try {
      const text = await this.run(['ip', '-json', 'link', 'show', 'dev', name]);
      return linkListSchema.parse(JSON.parse(text))[0];
    } catch (error) {
      if (isAgentError(error, 'exec-failed')) return undefined;
      throw error;
    }
  }

  /** Without a process of its own in the namespace; a container that may make links could have thousands. */
  async hasLink(name: string): Promise<boolean> {
    const devices = await readProc(`/proc/${this.pid}/net/dev`).catch(() => '');
    return devices.split('\n').some((line) => line.trimStart().startsWith(`${name}:`));
  }

  async network(family: Family): Promise<GuestNetwork> {
    const [links, routes, rules] = await askIp(this.#exec, QUESTIONS, {
      options: [`-${family}`],
      within: this.#enter,
    });
    return {
      family,
      links: linksSchema.parse(links),
      routes: routesSchema.parse(routes),
      rules: rulesSchema.parse(rules),
    };
  }

  /**
   * Runs lines of `ip -batch`, one list for each family.
   *
   * @param first a line that must have run before any other, such as one that brings a device up
   */
  async batch(families: readonly Family[], lines: readonly (readonly string[])[], first = ''): Promise<void> {
    const run = (family: Family, text: string) => this.run(['ip', `-${family}`, '-batch', '-'], text);
    if (families.length === 0 && first !== '') await run(4, first);
    for (const [index, family] of families.entries()) {
      const own = lines[index] ?? [];
      const text = `${index === 0 ? first : ''}${own.map((line) => `${line}\n`).join('')}`;
      if (text !== '') await run(family, text);
    }
  }

  /** The netdev datapath hands packets on as they are: a checksum left to hardware never gets computed. */
  turnOffloadOff(link: string): Promise<string> {
    return this.run(['ethtool', '-K', link, 'tx', 'off']);
  }
}
