// What Netmaker's containers look like: the built-in patterns, and how the configuration changes them.

import { matchesGlob } from '../../core/lib/glob.ts';
import { quoted } from '../../core/lib/quoted.ts';
import { localRepository } from './image-repository.ts';

/** The part of `[netmaker]` that detection reads: each entry adds a pattern, `!pattern` takes one out. */
export interface DetectionSettings {
  /** Image repositories. */
  readonly images: readonly string[];
  /** Container names. */
  readonly names: readonly string[];
  /** Parts of container and image names. */
  readonly deny: readonly string[];
}

/**
 * Image and container names of Netmaker's own compose files (gravitl/netmaker:compose/), and in `deny` the other members of
 * them, which are no nodes of the mesh: they talk to the server alone.
 */
export const BUILT_IN: DetectionSettings = {
  images: ['gravitl/netmaker', 'gravitl/netclient'],
  names: ['netmaker', 'netmaker-*', 'netclient*'],
  deny: [
    'ui',
    'exporter',
    'mq',
    'caddy',
    'coredns',
    'turn',
    'prometheus',
    'grafana',
    'emqx',
    'mosquitto',
    'rqlite',
    'postgres',
    'db',
    'redis',
  ],
};

/** The patterns in force; `dockerNames` are those of `names` in `[docker]`, which count as names of Netmaker's, too. */
export function patternsOf(
  settings: DetectionSettings,
  dockerNames: readonly string[] = [],
): DetectionSettings {
  return {
    images: combined(BUILT_IN.images, settings.images.map(withoutDefaultRegistry)),
    names: combined([...BUILT_IN.names, ...dockerNames], settings.names),
    deny: combined(BUILT_IN.deny, settings.deny),
  };
}

/** What is wrong with an entry of the configuration, or undefined. */
export function patternProblem(kind: keyof DetectionSettings, entry: string): string | undefined {
  const isRemoval = entry.startsWith('!');
  const pattern = isRemoval ? entry.slice(1) : entry;
  const shown = quoted(entry, 60);
  if (pattern === '') return 'must not be empty';
  if (pattern.length > 255) return 'must have at most 255 characters';
  if (!/^[!-~]+$/.test(pattern)) return `must be printable ASCII without blanks: ${shown}`;
  const known = BUILT_IN[kind];
  if (isRemoval && !known.includes(kind === 'images' ? withoutDefaultRegistry(pattern) : pattern)) {
    return `${shown} takes out nothing: built in are ${known.join(', ')}`;
  }
  if (kind === 'images' && /@|:[^/]*$/.test(pattern)) {
    return `must be a repository without tag and digest such as "gravitl/netclient", not ${shown}`;
  }
  return undefined;
}

/** The first pattern that the whole text matches. */
export function firstMatch(patterns: readonly string[], text: string): string | undefined {
  return patterns.find((pattern) => matchesGlob(pattern, text));
}

function combined(builtIn: readonly string[], entries: readonly string[]): string[] {
  const removed = new Set(entries.filter((entry) => entry.startsWith('!')).map((entry) => entry.slice(1)));
  const added = entries.filter((entry) => !entry.startsWith('!'));
  return [...new Set([...builtIn, ...added])].filter((pattern) => !removed.has(pattern));
}

function withoutDefaultRegistry(entry: string): string {
  return entry.startsWith('!') ? `!${localRepository(entry.slice(1))}` : localRepository(entry);
}
