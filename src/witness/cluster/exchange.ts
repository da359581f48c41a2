// A node's part in its cluster: shows its own ledger, cosigns the others', and takes what they have cosigned of it.

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WitnessedLog } from '../../core/ledger/checkpoint/witnessed-log.ts';
import { cosignerOf } from '../../core/ledger/note/cosignature.ts';
import { readKeyOf, SIGNATURE, type Verifier, verifierText } from '../../core/ledger/note/keys.ts';
import { writeFileAtomically } from '../../core/lib/atomic-file.ts';
import { loadWitness, saveWitness, type WitnessProblem, type WitnessState } from '../client/witness-state.ts';
import { openWitnessIdentity } from '../key.ts';
import { openWitness } from '../witness.ts';
import { lookAtLedger } from './other-ledger.ts';
import { lookAtCosigned, type Shown } from './own-ledger.ts';
import { type Pins, pinsFile, readPins, writePins } from './pins.ts';
import { fileOf, KINDS, type Kind, type Published, readPublished } from './published.ts';

export interface ClusterOptions {
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
  /** Milliseconds of the epoch. */
  readonly now: () => number;
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

/** What this node wants to show; the unit that may write below /etc/pve copies it. */
export const outFolder = (directory: string): string => join(directory, 'out');

/** Throws `witness-state-unusable`, and the system's error when the folders cannot be made. */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const { log, node, shared, directory, now, everyMs = 10_000, publishMs = 10_000, onError } = options;
  const out = outFolder(directory);
  await mkdir(out, { recursive: true, mode: 0o700 });
  const { signer, seen } = await openWitnessIdentity(join(directory, 'witness'), options.keyName);
  const ownKey = verifierText(cosignerOf(signer.verifier));
  const trusted = new Map<string, Verifier>();
  const witness = openWitness({
    signer,
    seen,
    now,
    keysOf: (origin) => [trusted.get(origin) ?? []].flat(),
    onTold: () => undefined,
  });
  const states = new Map<string, WitnessState>();
  const wrong = new Map<string, string>();
  let published = Number.NEGATIVE_INFINITY;

  const tell = (other: string, text: string | undefined) => {
    if (wrong.get(other) === text) return;
    if (text === undefined) wrong.delete(other);
    else wrong.set(other, text);
    options.onTold(other, text);
  };

  async function round(): Promise<void> {
    const others = await readPublished(shared, node);
    const { pins, problem } = await readPins(pinsFile(directory), now());
    if (problem !== undefined) onError(new Error(problem));
    const before = JSON.stringify(pins);
    const sizes = new Set<number>();
    for (const other of others) {
      const told = [await cosignOther(other, pins), await takeFrom(other, pins, sizes)];
      tell(
        other.node,
        told.find((text) => text !== undefined),
      );
    }
    if (JSON.stringify(pins) !== before) await writePins(pinsFile(directory), pins);
    await writeOut(sizes);
    if (now() - published < publishMs || !(await differs())) return;
    published = now();
    await options.publish();
  }

  /** Returns what is wrong with that node's ledger. */
  async function cosignOther(other: Published, pins: Pins): Promise<string | undefined> {
    const pin = pins[other.node];
    const looked = await lookAtLedger(other, pin?.log ?? undefined, {
      seen,
      witness,
      trust: (key) => trusted.set(key.name, key),
    });
    if (looked.kind === 'pinned')
      pins[other.node] = {
        log: looked.key,
        cosigner: pin?.cosigner ?? null,
        since: new Date(now()).toISOString(),
      };
    return looked.kind === 'wrong' ? looked.text : undefined;
  }

  /** Returns what is wrong with that node as a witness of ours. @param sizes gets how far it has seen us */
  async function takeFrom(other: Published, pins: Pins, sizes: Set<number>): Promise<string | undefined> {
    const { cosigned } = other;
    if (cosigned === undefined) return undefined;
    const pin = pins[other.node] ?? { log: null, cosigner: null, since: new Date(now()).toISOString() };
    if (pin.cosigner === null) pins[other.node] = { ...pin, cosigner: cosigned.key };
    else if (pin.cosigner !== cosigned.key) return 'the key that it cosigns with is another one than before';
    const keys = (await options.ownKeys()).map((text) => readKeyOf(text, SIGNATURE.ed25519));
    const key = readKeyOf(cosigned.key, SIGNATURE.cosignature);
    const shown = await lookAtCosigned(cosigned.notes, key, keys, log);
    await keepShown(other.node, key, shown);
    if (shown.kind === 'cosigned') sizes.add(shown.size);
    return undefined;
  }

  async function keepShown(other: string, key: Verifier, shown: Shown): Promise<void> {
    const asked = { key: verifierText(key), name: key.name, url: null };
    const state = states.get(other) ?? (await loadWitness(options.asked, asked, now())).state;
    const time = new Date(now()).toISOString();
    const first_asked_at = state.first_asked_at ?? time;
    const origin = log.origin() ?? null;
    let next: WitnessState = { ...state, first_asked_at };
    if (shown.kind === 'cosigned') {
      if (state.size !== shown.size || state.origin !== origin || state.problem !== null) {
        await log.addCosignatures(shown.note, [shown.line]);
        next = { ...next, origin, size: shown.size, cosigned_at: time, problem: null };
      }
    } else if (shown.kind !== 'nothing') next = { ...next, problem: problemOf(shown, state.problem, time) };
    states.set(other, next);
    if (JSON.stringify(next) !== JSON.stringify(state)) await saveWitness(options.asked, next);
    if (shown.kind === 'ahead') await log.reportAhead(other, shown.size);
  }

  async function writeOut(sizes: ReadonlySet<number>): Promise<void> {
    const write = async (kind: Kind, text: string) => {
      const path = fileOf(out, node, kind);
      if ((await readFile(path, 'utf8').catch(() => '')) !== text)
        await writeFileAtomically(path, text, 0o600);
    };
    const notes = (await seen.all()).map(({ note }) => note);
    await write('cosigned', `${JSON.stringify({ version: 1, key: ownKey, notes })}\n`);
    const head = log.newest();
    const [key] = await options.ownKeys();
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
  async function differs(): Promise<boolean> {
    for (const kind of KINDS) {
      const [wanted, there] = await Promise.all(
        [out, shared].map((folder) => readFile(fileOf(folder, node, kind), 'utf8').catch(() => undefined)),
      );
      if (wanted !== undefined && wanted !== there) return true;
    }
    return false;
  }

  return {
    ...repeat(round, everyMs, log, onError),
    states: () => [...states.values()],
    problems: () => [...wrong].map(([name, text]) => ({ node: name, text })),
  };
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
