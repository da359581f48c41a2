// Whether a container is one of Netmaker's, in which role, and the reason for people.

import { LABEL_PREFIX } from '../../core/guest/label-prefix.ts';
import { quoted } from '../../core/lib/quoted.ts';
import type { NetmakerRole } from '../types.ts';
import { composeService } from './compose-service.ts';
import { imageRepository } from './image-repository.ts';
import { type DetectionSettings, firstMatch } from './patterns.ts';

/** What detection looks at. */
export interface Candidate {
  /** Docker's name without its leading slash. */
  readonly name: string;
  /** As given to `docker run`. */
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** `considered`: it looks like Netmaker's, and a label or a denied part says that it is not. */
export type Detection =
  | { readonly netmaker: true; readonly role: NetmakerRole; readonly reason: string }
  | { readonly netmaker: false; readonly considered: boolean; readonly reason: string };

export const NETMAKER_LABEL = `${LABEL_PREFIX}netmaker`;

/** First the label, then the denied parts, then the image, then the name; the first that applies decides. */
export function detectNetmaker(candidate: Candidate, patterns: DetectionSettings): Detection {
  const label = Object.hasOwn(candidate.labels, NETMAKER_LABEL)
    ? candidate.labels[NETMAKER_LABEL]
    : undefined;
  const match = matchOf(candidate, patterns);
  if (label !== undefined) return byLabel(label, match?.role);
  if (match === undefined) {
    return { netmaker: false, considered: false, reason: "neither its image nor its name is Netmaker's" };
  }
  const denied = denial(candidate, patterns.deny);
  if (denied !== undefined) return { netmaker: false, considered: true, reason: denied };
  return { netmaker: true, ...match };
}

function byLabel(value: string, role: NetmakerRole = 'client'): Detection {
  const shown = quoted(value, 60);
  switch (value) {
    case 'server':
    case 'client':
      return { netmaker: true, role: value, reason: `label ${NETMAKER_LABEL}=${value}` };
    case 'true':
      return { netmaker: true, role, reason: `label ${NETMAKER_LABEL}=true` };
    case 'false':
      return { netmaker: false, considered: true, reason: `label ${NETMAKER_LABEL}=false` };
    default:
      return {
        netmaker: false,
        considered: true,
        reason: `label ${NETMAKER_LABEL}: must be server, client, true or false, not ${shown}`,
      };
  }
}

function matchOf(
  { name, image, labels }: Candidate,
  patterns: DetectionSettings,
): { role: NetmakerRole; reason: string } | undefined {
  const repository = imageRepository(image);
  if (repository !== undefined && firstMatch(patterns.images, repository) !== undefined) {
    return { role: roleOf(lastPart(repository)), reason: `image ${repository}` };
  }
  const { source, text } = chosenName(name, labels);
  const pattern = firstMatch(patterns.names, text);
  return pattern === undefined ? undefined : { role: roleOf(text), reason: `${source} matches ${pattern}` };
}

function denial({ name, image, labels }: Candidate, deny: readonly string[]): string | undefined {
  const { source, text } = chosenName(name, labels);
  const repository = imageRepository(image);
  const places = [
    { source, text },
    ...(repository === undefined ? [] : [{ source: `image ${repository}`, text: lastPart(repository) }]),
  ];
  for (const place of places) {
    const part = deny.find((entry) => hasPart(place.text, entry));
    if (part !== undefined) return `${place.source} has the part "${part}", which netmaker.deny lists`;
  }
  return undefined;
}

/** A project of the name netmaker must not make Netmaker's containers of everything in it. */
function chosenName(name: string, labels: Candidate['labels']): { source: string; text: string } {
  const service = composeService(name, labels);
  return service === undefined
    ? { source: 'name', text: name }
    : { source: `Compose service ${service.slice(0, 60)}`, text: service };
}

/** Whole parts between `-` and `_` only: a denied `db` says nothing about `netmaker-dbus`. */
function hasPart(text: string, entry: string): boolean {
  const parts = (from: string) => `-${from.replaceAll('_', '-')}-`;
  return parts(text).includes(parts(entry)) || firstMatch([entry], text) !== undefined;
}

function roleOf(name: string): NetmakerRole {
  return name === 'netmaker' || name.startsWith('netmaker-server') ? 'server' : 'client';
}

function lastPart(repository: string): string {
  return repository.slice(repository.lastIndexOf('/') + 1);
}
