// Which of a container's labels whoever started it gave: Docker hands over the image's own among them, unmarked.

import { matchesGlob } from '../../core/lib/glob.ts';
import { imageRepository } from '../../netmaker/detection/image-repository.ts';

type Labels = Readonly<Record<string, string>>;

/** Compose marks containers and the images that it builds; the number only ever containers. */
const COMPOSE_NUMBER = 'com.docker.compose.container-number';
const COMPOSE = ['com.docker.compose.project', 'com.docker.compose.service'];

/**
 * The labels that differ from the image's. One that was given with the very value that the image has cannot be told apart,
 * and counts as the image's: a label that is missed is seen by who gave it, one that is believed may be anybody's.
 */
export function givenLabels(all: Labels, ofImage: Labels): Record<string, string> {
  const isGiven = (key: string) => !Object.hasOwn(ofImage, key) || ofImage[key] !== all[key];
  const given = Object.entries(all).filter(([key]) => isGiven(key));
  // `compose build` gives its images the labels that `compose up` gives their containers.
  const isOfCompose = Object.hasOwn(all, COMPOSE_NUMBER) && isGiven(COMPOSE_NUMBER);
  const compose = isOfCompose ? COMPOSE.filter((key) => Object.hasOwn(all, key)) : [];
  return Object.fromEntries([...given, ...compose.map((key) => [key, all[key] ?? ''] as const)]);
}

/**
 * Whether the image's own labels count like the user's.
 *
 * @param image as given to `docker run`
 * @param patterns with `*` and `?`, for the image's name without tag and digest
 */
export function countsWhole(image: string, patterns: readonly string[]): boolean {
  const repository = imageRepository(image);
  return repository !== undefined && patterns.some((pattern) => matchesGlob(pattern, repository));
}
