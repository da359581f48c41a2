// A node's part in its cluster: shows its own ledger, cosigns the others', and takes what they have cosigned of it.

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WitnessedLog } from '../../core/ledger/checkpoint/witnessed-log.ts';
import { cosignerOf } from '../../core/ledger/note/cosignature.ts';
import { readKeyOf, SIGNATURE, type Verifier, verifierText } from '../../core/ledger/note/keys.ts';
import { writeFileAtomically } from '../../core/lib/atomic-file.ts';
import { isAgentError } from '../../core/lib/errors.ts';
import type { Clocks } from '../../core/lib/moment.ts';
import { type SteadyTimes, steadyTimes } from '../client/steady-times.ts';
import { loadWitness, saveWitness, type WitnessProblem, type WitnessState } from '../client/witness-state.ts';
import { openWitnessIdentity, type WitnessIdentity } from '../key.ts';
import { openWitness, type Witness } from '../witness.ts';
import { lookAtLedger } from './other-ledger.ts';
import { lookAtCosigned, type Shown } from './own-ledger.ts';
import { type Pins, pinsFile, readPins, writePins } from './pins.ts';
import { fileOf, KINDS, type Kind, type Published, readPublished } from './published.ts';

export interface ClusterOptions extends Clocks {
  readonly log: WitnessedLog;
  /** This ledger's public keys, the newest first; empty while there is none. */
  readonly ownKeys: () => Promise<readonly string[]>;
  /** As the cluster calls this node. */
  readonly node: string;
  /** Name of the key that this node cosigns with, if it is made now. */
  readonly keyName: string;
  /** Where all nodes' files are; read only. */
  readonly shared: string;
  /** Where this node keeps its key, what it has seen, whom it knows, and what it wants to show. */
  readonly directory: string;
  /** Where the states of witnesses are kept. */
  readonly asked: string;
  /** Has the files of `outFolder` copied to `shared`. */
  readonly publish: () => Promise<void>;
  /** Milliseconds between two looks: pmxcfs tells of nothing that another node wrote. */
  readonly everyMs?: number;
  /** Milliseconds between two publications at least: each is a transaction on every node. */
  readonly publishMs?: number;
  /** Told when something is wrong with another node's ledger, and when it is well again. */
  readonly onTold: (node: string, text: string | undefined) => void;
  readonly onError: (error: unknown) => void;
}

export interface Cluster {
  /** The other nodes as witnesses of this ledger. */
  states(): WitnessState[];
  /** What is wrong with other nodes' ledgers. */
  problems(): { readonly node: string; readonly text: string }[];
  close(): Promise<void>;
}

/** pmxcfs tells nobody of what another node wrote. */
const EVERY_MS = 10_000;
/** Each publication is a transaction on every node. */
const PUBLISH_MS = 10_000;

/** What this node wants to show; the unit that may write below /etc/pve copies it. */
export const outFolder = (directory: string): string => join(directory, 'out');

/** Throws `witness-state-unusable`, and the system's error when the folders cannot be made. */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const { log, directory, everyMs = EVERY_MS, onError } = options;
  await mkdir(outFolder(directory), { recursive: true, mode: 0o700 });
  const identity = await openWitnessIdentity(join(directory, 'witness'), options.keyName);
  const exchange = new Exchange(options, identity);
  return {
    ...repeat(() => exchange.round(), everyMs, log, onError),
    states: () => [...exchange.states].map(([node, state]) => exchange.timesOf(node).of(state)),
    problems: () => [...exchange.wrong].map(([node, text]) => ({ node, text })),
  };
}

class Exchange {
  /** By the name of the node. */
  readonly states = new Map<string, WitnessState>();
  readonly wrong = new Map<string, string>();
  readonly #options: ClusterOptions;
  readonly #identity: WitnessIdentity;
  readonly #witness: Witness;
  readonly #times = new Map<string, SteadyTimes>();
  readonly #trusted = new Map<string, Verifier>();
  #published = Number.NEGATIVE_INFINITY;

  constructor(options: ClusterOptions, identity: WitnessIdentity) {
    this.#options = options;
    this.#identity = identity;
    this.#witness = openWitness({
      ...identity,
      now: options.now,
      keysOf: (origin) => [this.#trusted.get(origin) ?? []].flat(),
      // What it refuses comes back as its answer.
      onTold: () => undefined,
    });
  }

  async round(): Promise<void> {
    const { shared, node, directory, now, steady, onError, publish, publishMs = PUBLISH_MS } = this.#options;
    const others = await readPublished(shared, node);
    const { pins, problem } = await readPins(pinsFile(directory), now());
    if (problem !== undefined) onError(new Error(problem));
    const before = JSON.stringify(pins);
    const sizes = new Set<number>();
    for (const other of others) {
      // What one node shows, whatever it is, is no reason to leave the others alone.
      const failed = (error: unknown) => (isAgentError(error) ? error.toLine() : String(error));
      const told = [
        await this.#cosign(other, pins).catch(failed),
        await this.#takeFrom(other, pins, sizes).catch(failed),
      ];
      this.#tell(
        other.node,
        told.find((text) => text !== undefined),
      );
    }
    if (JSON.stringify(pins) !== before) await writePins(pinsFile(directory), pins);
    await this.#writeOut(sizes);
    if (steady() - this.#published < publishMs || !(await this.#differs())) return;
    this.#published = steady();
    await publish();
  }

  timesOf(node: string): SteadyTimes {
    const times = this.#times.get(node) ?? steadyTimes(this.#options);
    this.#times.set(node, times);
    return times;
  }

  #tell(node: string, text: string | undefined): void {
    if (this.wrong.get(node) === text) return;
    if (text === undefined) this.wrong.delete(node);
    else this.wrong.set(node, text);
    this.#options.onTold(node, text);
  }

  /** Returns what is wrong with that node's ledger. */
  async #cosign(other: Published, pins: Pins): Promise<string | undefined> {
    const pin = pins[other.node];
    const name = nameOf(other.proofs?.key);
    if (name !== undefined && name === this.#options.log.origin())
      return 'its ledger has the name of this one: one of the two hosts is a copy of the other';
    const namesake = Object.keys(pins).find(
      (node) => node !== other.node && nameOf(pins[node]?.log) === name,
    );
    if (name !== undefined && namesake !== undefined)
      return `its ledger has the name of the one of ${namesake}: one of the two hosts is a copy of the other`;
    const looked = await lookAtLedger(other, pin?.log ?? undefined, {
      seen: this.#identity.seen,
      witness: this.#witness,
      trust: (key) => this.#trusted.set(key.name, key),
    });
    if (looked.kind === 'pinned')
      pins[other.node] = { log: looked.key, cosigner: pin?.cosigner ?? null, since: this.#time() };
    return looked.kind === 'wrong' || looked.kind === 'pinned' ? looked.text : undefined;
  }

  /** Returns what is wrong with that node as a witness of ours. @param sizes gets how far it has seen us */
  async #takeFrom(other: Published, pins: Pins, sizes: Set<number>): Promise<string | undefined> {
    const { cosigned } = other;
    if (cosigned === undefined) return undefined;
    const key = cosignerKey(cosigned.key);
    if (key === undefined) return 'the key that it cosigns with is none';
    const pin = pins[other.node] ?? { log: null, cosigner: null, since: this.#time() };
    if (pin.cosigner === null) pins[other.node] = { ...pin, cosigner: cosigned.key };
    else if (pin.cosigner !== cosigned.key) return 'the key that it cosigns with is another one than before';
    const own = (await this.#options.ownKeys()).map((text) => readKeyOf(text, SIGNATURE.ed25519));
    const shown = await lookAtCosigned(cosigned.notes, key, own, this.#options.log);
    await this.#keep(other.node, key, shown);
    if (shown.kind === 'cosigned') sizes.add(shown.size);
    return undefined;
  }

  async #keep(node: string, key: Verifier, shown: Shown): Promise<void> {
    const { log, asked, now } = this.#options;
    const witness = { key: verifierText(key), name: key.name, url: null };
    const known = this.states.get(node);
    const before = known?.key === witness.key ? known : (await loadWitness(asked, witness, now())).state;
    const state = this.timesOf(node).of(before);
    const origin = log.origin() ?? null;
    let next: WitnessState = { ...state, first_asked_at: state.first_asked_at ?? this.#time() };
    if (shown.kind === 'cosigned') {
      if (state.size !== shown.size || state.origin !== origin || state.problem !== null) {
        await log.addCosignatures(shown.note, [shown.line]);
        this.timesOf(node).cosigned();
        next = { ...next, origin, size: shown.size, cosigned_at: this.#time(), problem: null };
      }
    } else if (shown.kind !== 'nothing')
      next = { ...next, problem: problemOf(shown, state.problem, this.#time()) };
    this.states.set(node, next);
    if (JSON.stringify(next) !== JSON.stringify(before)) await saveWitness(asked, next);
    if (shown.kind === 'ahead') await log.reportAhead(node, shown.size);
  }

  async #writeOut(sizes: ReadonlySet<number>): Promise<void> {
    const { log, node, directory, ownKeys } = this.#options;
    const write = async (kind: Kind, text: string) => {
      const path = fileOf(outFolder(directory), node, kind);
      if ((await readFile(path, 'utf8').catch(() => '')) !== text)
        await writeFileAtomically(path, text, 0o600);
    };
    const { seen, signer } = this.#identity;
    const notes = (await seen.all()).map(({ note }) => note);
    const cosigner = verifierText(cosignerOf(signer.verifier));
    await write('cosigned', `${JSON.stringify({ version: 1, key: cosigner, notes })}\n`);
    const head = log.newest();
    const [key] = await ownKeys();
    if (head === undefined || key === undefined) return;
    const wanted = [...sizes].filter((size) => size > 0 && size < head.size).sort((a, b) => a - b);
    const from = await Promise.all(
      wanted.map(async (size) => ({
        size,
        hashes: (await log.consistency(size, head.size)).map((one) => one.toString('base64')),
      })),
    );
    await write('proofs', `${JSON.stringify({ version: 1, key, size: head.size, from })}\n`);
    await write('checkpoint', head.note);
  }

  /** Whether the others do not see yet what this node wants to show. */
  async #differs(): Promise<boolean> {
    const { node, directory, shared } = this.#options;
    for (const kind of KINDS) {
      const [wanted, there] = await Promise.all(
        [outFolder(directory), shared].map((folder) =>
          readFile(fileOf(folder, node, kind), 'utf8').catch(() => undefined),
        ),
      );
      if (wanted !== undefined && wanted !== there) return true;
    }
    return false;
  }

  #time(): string {
    return new Date(this.#options.now()).toISOString();
  }
}

/** The ledger's, before anything of the key is checked. */
const nameOf = (key: string | null | undefined): string | undefined => key?.split('+')[0];

function cosignerKey(text: string): Verifier | undefined {
  try {
    return readKeyOf(text, SIGNATURE.cosignature);
  } catch {
    return undefined;
  }
}

function problemOf(
  shown: Extract<Shown, { kind: 'ahead' | 'forked' }>,
  before: WitnessProblem | null,
  time: string,
): WitnessProblem {
  const text =
    shown.kind === 'ahead'
      ? `it has seen ${shown.size} blocks of this ledger, which are not there`
      : `it has seen other blocks than there are, ${shown.size} of them`;
  return { kind: shown.kind, text, since: before?.kind === shown.kind ? before.since : time };
}

/** Looks at once, after each checkpoint, and by a timer; never twice at the same time. */
function repeat(
  round: () => Promise<void>,
  everyMs: number,
  log: Pick<WitnessedLog, 'onSigned'>,
  onError: (error: unknown) => void,
): { close(): Promise<void> } {
  let running: Promise<void> | undefined;
  let last = '';
  const look = () => {
    running ??= round()
      .then(
        () => {
          last = '';
        },
        (error: unknown) => {
          // A file system that is away for an hour is told of once.
          if (last !== String(error)) onError(error);
          last = String(error);
        },
      )
      .finally(() => {
        running = undefined;
      });
  };
  const timer = setInterval(look, everyMs).unref();
  const unsubscribe = log.onSigned(look);
  look();
  return {
    async close() {
      unsubscribe();
      clearInterval(timer);
      await running;
    },
  };
}
