// From an interfaces file and what it should show to the file as it should be; pure.

import { type Draft, openDraft } from './draft.ts';
import { EXEMPTION_KEY, EXEMPTION_VALUE, exemptsOurPorts } from './ifreload-exemption.ts';
import type { Line } from './lines.ts';
import {
  isExemptionOfOurs,
  isOurs,
  ownStanzas,
  removeOwn,
  saysTheSame,
  stanzasFor,
  takenOver,
} from './ours.ts';
import {
  automaticNames,
  isBlank,
  isOvsBridge,
  type Option,
  optionOf,
  optionsOf,
  parseStanzas,
  type Stanza,
} from './stanzas.ts';

export interface BridgeSpec {
  readonly name: string;
  /** CIDR texts of the host on the bridge. */
  readonly addresses: readonly string[];
  /** False: it does not exist now. A stanza that is there stays, none is made. */
  readonly present: boolean;
}

export interface InterfacesSpec {
  /** The bridges that the configuration lets the agent make. */
  readonly bridges: readonly BridgeSpec[];
  /** Bridges that NetworkManager owns. */
  readonly networkManager: ReadonlySet<string>;
  /** Names that files have which this one sources. */
  readonly sourced: ReadonlySet<string>;
  /** Why stanzas of others must not change now; their bridges are refused with this reason. */
  readonly frozen?: string;
}

export type ChangeKind =
  | 'stanza-added'
  | 'stanza-changed'
  | 'stanza-removed'
  | 'stanza-left'
  | 'ports-protected'
  | 'protection-removed';

export interface Change {
  readonly bridge: string;
  readonly kind: ChangeKind;
}

export interface Refusal {
  readonly bridge: string;
  /** A sentence without its end: why, and what to do. */
  readonly reason: string;
}

export interface DiffLine {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

export interface Edited {
  readonly text: string;
  readonly changes: readonly Change[];
  readonly refusals: readonly Refusal[];
  /** Every line of both files. */
  readonly diff: readonly DiffLine[];
}

/**
 * The file with a stanza for each bridge desired, and with the option that keeps guests' ports on the switch in the
 * stanza of every OVS bridge. `text` has one character per byte (latin1). Doing it again changes nothing, and
 * `withoutOurs` of the result is `withoutOurs` of the text.
 */
export function edit(text: string, spec: InterfacesSpec): Edited {
  const draft = openDraft(text);
  const changes: Change[] = [];
  const refusals: Refusal[] = [];
  showBridges(draft, spec, changes, refusals);
  protectPorts(draft, spec, changes, refusals);
  return { text: draft.text(), changes, refusals, diff: diffOf(draft) };
}

/** The file as it was before any `edit`: every line that is ours goes, and no other byte changes. */
export function withoutOurs(text: string): Edited {
  const draft = openDraft(text);
  const changes: Change[] = [];
  for (const [bridge, stanzas] of ownStanzas(draft.lines)) {
    const kind = takenOver(stanzas, draft.lines) === undefined ? 'stanza-removed' : 'stanza-left';
    removeOwn(draft, stanzas);
    changes.push({ bridge, kind });
  }
  for (const { name, body, beyond } of parseStanzas(draft.lines)) {
    const ours = [...body, ...beyond].filter(isExemptionOfOurs);
    for (const line of ours) draft.remove(line);
    if (ours.length > 0) changes.push({ bridge: name, kind: 'protection-removed' });
  }
  for (const line of [...draft.lines]) if (isOurs(line)) draft.remove(line);
  return { text: draft.text(), changes, refusals: [], diff: diffOf(draft) };
}

function showBridges(draft: Draft, spec: InterfacesSpec, changes: Change[], refusals: Refusal[]): void {
  const own = ownStanzas(draft.lines);
  const all = parseStanzas(draft.lines);
  const ovs = new Set(all.filter(isOvsBridge).map(({ name }) => name));
  const foreign = new Set(all.flatMap(({ name }) => (ovs.has(name) ? [] : [name])));
  const specified = new Set(spec.bridges.map(({ name }) => name));
  for (const [bridge, stanzas] of own) {
    if (specified.has(bridge) && !spec.networkManager.has(bridge)) continue;
    const kept = takenOver(stanzas, draft.lines) !== undefined;
    removeOwn(draft, stanzas);
    changes.push({ bridge, kind: kept ? 'stanza-left' : 'stanza-removed' });
  }
  const known = new Set(parseStanzas(draft.lines).map(({ name }) => name));
  for (const { name, addresses, present } of spec.bridges) {
    const mine = own.get(name);
    // What this file has already is no new stanza beside the one of a sourced file.
    const elsewhere = mine === undefined && !known.has(name) && spec.sourced.has(name);
    const reason = refusalOf(name, spec, mine === undefined ? foreign : new Set(), elsewhere);
    if (reason !== undefined) {
      // Where the file has it, too, `protectPorts` says so.
      const twice = spec.networkManager.has(name) && known.has(name);
      if (!twice && (present || known.has(name))) refusals.push({ bridge: name, reason });
    } else if (mine === undefined && !known.has(name)) {
      if (!present) continue;
      const obstacle = obstacleAtTheEnd(name, draft.lines);
      if (obstacle !== undefined) {
        refusals.push({ bridge: name, reason: obstacle });
        continue;
      }
      for (const stanza of stanzasFor(name, addresses)) draft.append(stanza);
      changes.push({ bridge: name, kind: 'stanza-added' });
    } else if (mine !== undefined && takenOver(mine, draft.lines) === undefined) {
      if (saysTheSame(mine, stanzasFor(name, addresses))) continue;
      const obstacle = obstacleAtTheEnd(name, linesWithout(name, draft));
      if (obstacle !== undefined) {
        refusals.push({ bridge: name, reason: obstacle });
        continue;
      }
      removeOwn(draft, mine);
      for (const stanza of stanzasFor(name, addresses)) draft.append(stanza);
      changes.push({ bridge: name, kind: 'stanza-changed' });
    }
  }
}

function refusalOf(
  name: string,
  { networkManager }: InterfacesSpec,
  foreign: ReadonlySet<string>,
  elsewhere: boolean,
): string | undefined {
  if (networkManager.has(name))
    return 'NetworkManager owns it, and gives up whatever /etc/network/interfaces names; it stays out of the file';
  // PVE::JSONSchema, format pve-bridge-id.
  if (!/^[-_.A-Za-z0-9]+$/.test(name))
    return 'Proxmox does not accept its name; choose one of letters and digits';
  if (name === 'lo' || foreign.has(name))
    return 'the file has this name for something that is not an OVS bridge; choose another name in config.toml';
  if (elsewhere) return 'a file that /etc/network/interfaces sources defines it; Proxmox does not read that';
  return undefined;
}

/** What would be left of the file without our stanzas of that bridge. */
function linesWithout(name: string, draft: Draft): readonly Line[] {
  const rest = openDraft(draft.text());
  removeOwn(rest, ownStanzas(rest.lines).get(name) ?? []);
  return rest.lines;
}

function obstacleAtTheEnd(name: string, lines: readonly Line[]): string | undefined {
  if (automaticNames(lines).has(name)) {
    return 'the file starts it at boot without a stanza; take that line out first';
  }
  // ifupdown2 joins the lines around every backslash, blank ones too.
  const end = lines.findLast((line) => !isBlank(line));
  return end?.text.endsWith('\\')
    ? 'the last line of the file ends with a backslash; take it away first'
    : undefined;
}

function protectPorts(draft: Draft, spec: InterfacesSpec, changes: Change[], refusals: Refusal[]): void {
  const all = parseStanzas(draft.lines);
  for (const stanza of all) {
    const { name, body, beyond } = stanza;
    const present = [...body, ...beyond].filter(isExemptionOfOurs);
    const theirs = optionsOf(stanza).find(
      ({ key, value }) => key === EXEMPTION_KEY && value !== EXEMPTION_VALUE,
    );
    const namesakes = all.filter((other) => other.name === name);
    const mixed = sharesItsLines(namesakes);
    const isOther = namesakes.some((other) => optionsOf(other).some(isOtherType));
    // Proxmox and ifupdown2 join the stanzas of both families: one of them is enough.
    const isFirst = namesakes.find(isOvsBridge) === stanza;
    const desired = isFirst && !isOther && theirs === undefined && !spec.networkManager.has(name) && !mixed;
    if (isOvsBridge(stanza) && mixed) {
      const reason =
        "the file has several stanzas for it of which Proxmox's web interface keeps or repeats the lines of one; join them into one for inet and one for inet6";
      refusals.push({ bridge: name, reason });
    }
    if (isOvsBridge(stanza) && spec.networkManager.has(name)) {
      const reason =
        'NetworkManager owns it although the file has a stanza for it: each reload takes it from NetworkManager; give it to one of them';
      refusals.push({ bridge: name, reason });
    }
    if (theirs !== undefined && isOvsBridge(stanza) && exemptsOurPorts(theirs.value) !== true) {
      const reason = `its own ${EXEMPTION_KEY} does not spare ports vi<VMID>: a reload takes them off; add |vi[0-9] to it`;
      refusals.push({ bridge: name, reason });
    }
    if (!desired && present.length > 0) {
      for (const line of present) draft.remove(line);
      changes.push({ bridge: name, kind: 'protection-removed' });
    }
    // Behind a blank line it is none for Proxmox, and gone at the next change in its web interface.
    const [kept, ...more] = body.filter(isExemptionOfOurs);
    const idle = [...more, ...beyond.filter(isExemptionOfOurs)];
    if (!desired) continue;
    for (const line of idle) draft.remove(line);
    if (kept !== undefined) {
      if (idle.length > 0) changes.push({ bridge: name, kind: 'ports-protected' });
      continue;
    }
    const reason = protectionRefusal(stanza) ?? spec.frozen;
    if (reason !== undefined) {
      refusals.push({ bridge: name, reason });
      if (idle.length > 0) changes.push({ bridge: name, kind: 'protection-removed' });
      continue;
    }
    const after = body.findLast((line) => optionOf(line) !== undefined) ?? stanza.header;
    const indent = after === stanza.header ? '\t' : (/^[ \t]*/.exec(after.text)?.[0] ?? '\t');
    draft.insertAfter(after, `${indent}${EXEMPTION_KEY} ${EXEMPTION_VALUE}`);
    changes.push({ bridge: name, kind: 'ports-protected' });
  }
}

/** Of several types Proxmox goes by the last one, in whichever stanza: what it takes for a port may be gone with its lines. */
const isOtherType = ({ key, value }: Option) => key === 'ovs-type' && value !== 'OVSBridge';

/**
 * Whether Proxmox mixes the lines of these stanzas of one interface. It keeps the unknown options of each family's last
 * stanza that has any, and writes them with every stanza of that family; one without a family counts as inet, and is written
 * with both (PVE::Network::Interfaces, `__read_etc_network_interfaces` and `__interface_to_string`).
 */
function sharesItsLines(stanzas: readonly Stanza[]): boolean {
  const families = stanzas.map(({ family }) => family);
  return stanzas.length > 1 && (families.includes(undefined) || new Set(families).size < families.length);
}

function protectionRefusal({ understood, header, body }: Stanza): string | undefined {
  if (!understood)
    return 'Proxmox does not understand the first line of its stanza; write it as: iface NAME inet METHOD';
  const after = body.findLast((line) => optionOf(line) !== undefined) ?? header;
  return after.text.endsWith('\\')
    ? 'its stanza has a line that ends with a backslash, which Proxmox cannot read; join the lines first'
    : undefined;
}

function diffOf({ original, lines }: Draft): DiffLine[] {
  const stay = new Set(lines);
  const old = new Set(original);
  const diff: DiffLine[] = [];
  let at = 0;
  // Lines only come and go, they never change places.
  const pass = (until?: Line) => {
    for (; at < original.length && original[at] !== until; at++) {
      const line = original[at] as Line;
      if (!stay.has(line)) diff.push({ sign: '-', text: line.text });
    }
  };
  for (const line of lines) {
    if (old.has(line)) {
      pass(line);
      at++;
    }
    diff.push({ sign: old.has(line) ? ' ' : '+', text: line.text });
  }
  pass();
  return diff;
}
