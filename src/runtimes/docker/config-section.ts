// The section [docker] of the configuration: every key, what it accepts and its default.
import * as z from 'zod';
import type { DeepReadonly } from '../../core/lib/deep-readonly.ts';
import { bridgeName, flag, interfaceName, list, oneOf, path, table } from '../../core/lib/fields.ts';

export const dockerSchema = table({
  enabled: flag(true),
  attach: oneOf('netmaker', 'labelled', 'all').default('netmaker'),
  bridge: bridgeName().default('ovsbr1'),
  interface: interfaceName().default('ovs0'),
  socket: path('/var/run/docker.sock'),
  names: list(
    z
      .string({ error: 'must be a text' })
      .min(1, 'must not be empty')
      .max(255, 'must have at most 255 characters'),
    'must be a list of name patterns such as ["netmaker-*"]',
  ).default(['netmaker-*']),
  image_labels: list(
    z
      .string({ error: 'must be a text' })
      .min(1, 'must not be empty')
      .max(255, 'must have at most 255 characters'),
    'must be a list of image patterns such as ["registry.example/mine/*"]',
  ).default([]),
  record: oneOf('attached', 'all').default('attached'),
});

export type DockerSection = DeepReadonly<z.infer<typeof dockerSchema>>;
