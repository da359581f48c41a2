// Who must have signed a checkpoint for it to be believed: which logs, and how many of which witnesses (C2SP tlog-policy). Pure.

import { AgentError } from '../../lib/errors.ts';
import { quoted } from '../../lib/quoted.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { cosignedAt } from './cosignature.ts';
import { readKeyOf, SIGNATURE, type Verifier } from './keys.ts';
import { type Note, signatureBy } from './signed-note.ts';

export interface PolicyLog {
  readonly verifier: Verifier;
  readonly url?: string;
}

export interface PolicyWitness extends PolicyLog {
  /** What the policy calls it; means nothing elsewhere. */
  readonly name: string;
}

/** A witness, or as many members of a group as are enough. */
type Quorum =
  | { readonly kind: 'witness'; readonly witness: PolicyWitness }
  | {
      readonly kind: 'group';
      readonly name: string;
      readonly enough: number;
      readonly members: readonly Quorum[];
    };

export interface Policy {
  /** Empty: the reader knows the log from elsewhere. */
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  /** Undefined: no witness is asked for. */
  readonly quorum: Quorum | undefined;
}

export interface Cosigned {
  /** As the policy calls it. */
  readonly name: string;
  /** Seconds of the epoch. */
  readonly at: number;
}

export interface Judgement {
  /** A log of the policy has signed it, if it names any, and enough witnesses have. */
  readonly isEnough: boolean;
  /** The log of the policy that has signed it. */
  readonly log: PolicyLog | undefined;
  /** All witnesses of the policy that have cosigned it, whether they are needed or not. */
  readonly witnesses: readonly Cosigned[];
  /** What is missing, for a person; undefined where nothing is. */
  readonly lacking: string | undefined;
}

const MAX_BYTES = 256 * 1024;
/** "none" is nobody's name: a quorum of it asks for no witness. */
const NONE = 'none';

/** Throws `bad-argument`, with the line that is wrong. */
export function parsePolicy(bytes: Uint8Array | string): Policy {
  // The format is one of bytes: names need not be UTF-8, and are told apart by their bytes.
  const text = Buffer.from(bytes).toString('latin1');
  if (text.length > MAX_BYTES) throw new AgentError('bad-argument', 'This is no policy: it is too long.');
  const reader = new PolicyReader();
  for (const [index, line] of text.replace(/\n$/, '').split('\n').entries()) {
    try {
      reader.line(line);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new AgentError('bad-argument', `Line ${index + 1} of the policy: ${why}`);
    }
  }
  return reader.policy();
}

class PolicyReader {
  readonly #logs: PolicyLog[] = [];
  readonly #witnesses: PolicyWitness[] = [];
  readonly #named = new Map<string, Quorum>();
  readonly #members = new Set<string>();
  #quorum: { asks: Quorum | undefined } | undefined;

  line(line: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(line)) throw new Error('it has a control character');
    const [word, ...items] = line.split(/[ \t]+/).filter((item) => item !== '');
    if (word === undefined || word.startsWith('#')) return;
    if (word === 'log') this.#log(items);
    else if (word === 'witness') this.#witness(items);
    else if (word === 'group') this.#group(items);
    else if (word === 'quorum') this.#setQuorum(items);
    else throw new Error(`${shown(word)} is none of log, witness, group and quorum`);
  }

  policy(): Policy {
    if (this.#quorum === undefined)
      throw new AgentError('bad-argument', 'The policy has no line "quorum NAME" ("quorum none": nobody).');
    return { logs: this.#logs, witnesses: this.#witnesses, quorum: this.#quorum.asks };
  }

  #log(items: readonly string[]): void {
    const [key, url, ...more] = items;
    if (key === undefined || more.length > 0) throw new Error('it must be: log KEY [URL]');
    const verifier = readKeyOf(utf8(key), SIGNATURE.ed25519);
    if (this.#logs.some((other) => other.verifier.raw.equals(verifier.raw)))
      throw new Error('another log has this key');
    this.#logs.push({ verifier, ...(url !== undefined && { url: utf8(url) }) });
  }

  #witness(items: readonly string[]): void {
    const [name, key, url, ...more] = items;
    if (name === undefined || key === undefined || more.length > 0)
      throw new Error('it must be: witness NAME KEY [URL]');
    const verifier = readKeyOf(utf8(key), SIGNATURE.cosignature);
    if (this.#witnesses.some((other) => other.verifier.raw.equals(verifier.raw)))
      throw new Error('another witness has this key');
    const witness = { name: utf8(name), verifier, ...(url !== undefined && { url: utf8(url) }) };
    this.#define(name, { kind: 'witness', witness });
    this.#witnesses.push(witness);
  }

  #group(items: readonly string[]): void {
    const [name, count, ...members] = items;
    if (name === undefined || count === undefined || members.length === 0)
      throw new Error('it must be: group NAME any|all|COUNT MEMBER…');
    const enough = count === 'any' ? 1 : count === 'all' ? members.length : countOf(count);
    if (enough === undefined || enough > members.length)
      throw new Error(
        `${shown(count)} is not any, all, or a number from 1 to ${members.length}, which is how many members it has`,
      );
    const found = members.map((member) => this.#defined(member));
    // A witness counts once: whoever is in two groups could make up for somebody else.
    for (const member of members) {
      if (this.#members.has(member)) throw new Error(`${shown(member)} is a member already`);
      this.#members.add(member);
    }
    this.#define(name, { kind: 'group', name: utf8(name), enough, members: found });
  }

  #setQuorum(items: readonly string[]): void {
    const [name, ...more] = items;
    if (name === undefined || more.length > 0) throw new Error('it must be: quorum NAME');
    if (this.#quorum !== undefined) throw new Error('there is a quorum already');
    this.#quorum = { asks: name === NONE ? undefined : this.#defined(name) };
  }

  #define(name: string, quorum: Quorum): void {
    if (name === NONE || this.#named.has(name)) throw new Error(`the name ${shown(name)} is taken`);
    this.#named.set(name, quorum);
  }

  #defined(name: string): Quorum {
    const found = this.#named.get(name);
    if (found === undefined) throw new Error(`no line before names a witness or a group ${shown(name)}`);
    return found;
  }
}

/** Whether this note of a checkpoint is signed and cosigned as the policy demands. Throws `bad-argument` for another note. */
export function cosignedEnough(note: Note, policy: Policy): Judgement {
  const { origin } = parseCheckpoint(note.text);
  const log = policy.logs.find(
    ({ verifier }) => verifier.name === origin && signatureBy(note, verifier) !== undefined,
  );
  const at = new Map<PolicyWitness, number>();
  for (const witness of policy.witnesses) {
    const time = cosignedAt(note, witness.verifier);
    if (time !== undefined) at.set(witness, time);
  }
  const lacking =
    policy.logs.length > 0 && log === undefined
      ? 'no log of the policy has signed it'
      : policy.quorum && lackingOf(policy.quorum, at);
  return {
    isEnough: lacking === undefined,
    log,
    witnesses: [...at].map(([{ name }, time]) => ({ name, at: time })),
    lacking,
  };
}

function lackingOf(quorum: Quorum, at: ReadonlyMap<PolicyWitness, number>): string | undefined {
  if (quorum.kind === 'witness')
    return at.has(quorum.witness) ? undefined : `the witness ${quorum.witness.name} has not cosigned it`;
  const lacking = quorum.members.map((member) => lackingOf(member, at));
  const have = lacking.filter((what) => what === undefined).length;
  if (have >= quorum.enough) return undefined;
  return `of ${quorum.name}, ${have} of ${quorum.enough} have cosigned it`;
}

function countOf(text: string): number | undefined {
  return /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : undefined;
}

const utf8 = (latin1: string) => Buffer.from(latin1, 'latin1').toString('utf8');
const shown = (latin1: string) => quoted(utf8(latin1), 60);
