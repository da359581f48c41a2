// Which of a container's labels are its own: an image's are taken off, but for images whose labels count.

import { z } from 'zod';
import { LABEL_PREFIX } from '../../core/guest/label-prefix.ts';
import { AgentError } from '../../core/lib/errors.ts';
import { recentMap } from '../../core/lib/recent-map.ts';
import type { DockerContainer } from './attach.ts';
import { countsWhole, givenLabels } from './given-labels.ts';

/** Labels that we read. */
const READ = [LABEL_PREFIX, 'com.docker.compose.'];

const withoutOurs = (labels: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith(LABEL_PREFIX)));

const imageSchema = z.object({
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});

interface ImageLabelsParts {
  /** Of images whose own labels count. */
  patterns: readonly string[];
  /** How many images are remembered. */
  remembered: number;
  /** Undefined when Docker has no such image. */
  inspectImage: (image: string) => Promise<unknown>;
}

export class ImageLabels {
  readonly #parts: ImageLabelsParts;
  /** An image's id is a digest of what it is. */
  readonly #byImage: ReturnType<typeof recentMap<Readonly<Record<string, string>>>>;

  constructor(parts: ImageLabelsParts) {
    this.#parts = parts;
    this.#byImage = recentMap(parts.remembered);
  }

  async #ofImage(image: string): Promise<Readonly<Record<string, string>> | undefined> {
    const known = this.#byImage.get(image);
    if (known !== undefined) return known;
    const answer = await this.#parts.inspectImage(image);
    if (answer === undefined) return undefined;
    const read = imageSchema.safeParse(answer);
    if (!read.success) {
      const [issue] = read.error.issues;
      const where = `${issue?.path.join('.')}: ${issue?.message}`;
      throw new AgentError(
        'container-not-attachable',
        `What Docker says of its image is not understood: ${where}`,
      );
    }
    const labels = read.data.Config?.Labels ?? {};
    this.#byImage.set(image, labels);
    return labels;
  }

  /** The container with the labels that its image does not have. Throws `docker-unreachable`. */
  async given(container: DockerContainer): Promise<DockerContainer> {
    const labels = container.Config.Labels ?? {};
    const keys = Object.keys(labels);
    const isRead = keys.some((key) => READ.some((prefix) => key.startsWith(prefix)));
    if (!isRead || container.Image === '' || countsWhole(container.Config.Image, this.#parts.patterns))
      return container;
    const own = await this.#ofImage(container.Image);
    const given = own === undefined ? withoutOurs(labels) : givenLabels(labels, own);
    return {
      ...container,
      Config: { ...container.Config, Labels: given },
      areLabelsUnknown: own === undefined && keys.some((key) => key.startsWith(LABEL_PREFIX)),
    };
  }
}
