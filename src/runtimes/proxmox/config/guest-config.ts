// A Proxmox guest's configuration file: what it says about the guest's present state.

import { isNicProblem, type Nic, type NicProblem } from '../../../core/guest/nic.ts';
import { marksIn } from './guest-marks.ts';
import { parseLxcNetline, parseQemuNetline } from './netline.ts';

export interface GuestConfig {
  /** `name` of a VM, `hostname` of a container. */
  readonly name?: string;
  /** Volume id, such as `local:snippets/x`. */
  readonly hookscript?: string;
  /** `backup`, `migrate`, …: who holds the guest now. */
  readonly lock?: string;
  readonly template: boolean;
  /** X of each netX with a change that Proxmox has written down and not applied yet. */
  readonly pendingNics: ReadonlySet<number>;
  /** X of netX → the NIC, or why Proxmox would refuse that line. */
  readonly nics: ReadonlyMap<number, Nic | NicProblem>;
  /** See `marksIn`. */
  readonly marks: readonly string[];
  /** Lines that are not configuration, as sentences; nothing here stops a guest. */
  readonly problems: readonly string[];
}

const NIC_KEY = /^net(0|[1-9]\d?)$/;
const NIC_MAX = 31;
/** More are not worth reading: the file is damaged. */
const PROBLEMS_MAX = 20;

/**
 * Reads up to the first `[section]`: what follows is pending or a snapshot, not the guest as it is. Of the pending
 * section only that a NIC is in it matters. Never throws.
 */
export function parseGuestConfig(text: string, kind: 'qemu' | 'lxc'): GuestConfig {
  const reader = new ConfigReader(kind);
  let number = 0;
  let section: 'current' | 'pending' | 'other' = 'current';
  for (const line of text.split('\n')) {
    number++;
    if (line.startsWith('[')) section = PENDING[kind].test(line) ? 'pending' : 'other';
    else if (section === 'current') reader.read(line, number);
    else if (section === 'pending') reader.readPending(line);
  }
  return reader.config(marksIn(text));
}

// QemuServer.pm:parse_vm_config; LXC/Config.pm:parse_pct_config.
const PENDING = { qemu: /^\[PENDING\]\s*$/i, lxc: /^\[pve:pending\]\s*$/i };

// QemuServer.pm:parse_vm_config; LXC/Config.pm:parse_pct_config.
// The value is trimmed apart from the pattern, which would take quadratic time on a long run of blanks.
const LINE = { qemu: /^([a-z][a-z_-]*\d*):(.*)$/s, lxc: /^([a-z][a-z_]*\d*):(.*)$/s };
const RAW_LXC = /^lxc\.[a-z0-9_.-]+(?::|\s*=)/;

class ConfigReader {
  readonly #values = new Map<string, string>();
  readonly #nics = new Map<number, Nic | NicProblem>();
  readonly #pending = new Set<number>();
  readonly #problems: string[] = [];

  constructor(readonly kind: 'qemu' | 'lxc') {}

  read(line: string, number: number): void {
    if (/^\s*$/.test(line) || line.startsWith('#')) return;
    if (this.kind === 'lxc' && RAW_LXC.test(line)) return;
    const [, key, untrimmed = ''] = LINE[this.kind].exec(line) ?? [];
    const value = untrimmed.trim();
    if (key === undefined || value === '') {
      this.#problem(`line ${number} is not "key: value"`);
      return;
    }
    // What is read here ends up in terminals and logs.
    if (/\p{Cc}/u.test(value)) {
      this.#problem(`line ${number}: ${key} has control characters`);
      return;
    }
    const index = NIC_KEY.exec(key)?.[1];
    if (index !== undefined && Number(index) <= NIC_MAX) this.#nic(Number(index), value, number);
    else this.#values.set(key, value);
  }

  /** A NIC to change is `netN: …`, a NIC to take out is named in `delete: net1,!net2` (`!` forces it). */
  readPending(line: string): void {
    const [, key, value = ''] = LINE[this.kind].exec(line) ?? [];
    if (key === undefined) return;
    const names = key === 'delete' ? value.split(/[\s,;]+/).map((name) => name.replace(/^!/, '')) : [key];
    for (const name of names) {
      const index = NIC_KEY.exec(name)?.[1];
      if (index !== undefined && Number(index) <= NIC_MAX) this.#pending.add(Number(index));
    }
  }

  config(marks: readonly string[]): GuestConfig {
    const name = this.#values.get(this.kind === 'qemu' ? 'name' : 'hostname');
    const hookscript = this.#values.get('hookscript');
    const lock = this.#values.get('lock');
    return {
      ...(name !== undefined && { name }),
      ...(hookscript !== undefined && { hookscript }),
      ...(lock !== undefined && { lock }),
      template: /^(?:1|on|yes|true)$/i.test(this.#values.get('template') ?? ''),
      nics: this.#nics,
      pendingNics: this.#pending,
      marks,
      problems: this.#problems,
    };
  }

  #nic(index: number, value: string, number: number): void {
    const parse = this.kind === 'qemu' ? parseQemuNetline : parseLxcNetline;
    const nic = parse(value);
    if (isNicProblem(nic)) {
      this.#problem(`line ${number}: net${index}: ${nic.problem}`);
      // qemu-server ignores a line that it cannot parse, so an earlier good one stands; pve-container takes the last.
      if (this.kind === 'qemu' && this.#nics.has(index)) return;
    }
    this.#nics.set(index, nic);
  }

  #problem(text: string): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(text);
  }
}
