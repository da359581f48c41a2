// The kernel's default routes, as `ip -json` gives them: data, not text.

import { z } from 'zod';
import type { Exec } from '../lib/exec.ts';
import { kernelFamilies } from './families.ts';

export interface DefaultRoute {
  family: 'inet' | 'inet6';
  device: string;
  /** Undefined where the device needs none, such as a tunnel. */
  gateway?: string;
  /** The kernel takes the lowest; 0 when the route has none. */
  metric: number;
}

const hopSchema = z.object({
  dev: z.string().optional(),
  gateway: z.string().optional(),
  // A gateway of the other family, such as an IPv4 route by an IPv6 neighbour.
  via: z.object({ host: z.string() }).optional(),
});
const routesSchema = z.array(
  hopSchema.extend({
    type: z.string().optional(),
    metric: z.number().optional(),
    nexthops: z.array(hopSchema).optional(),
  }),
);

/**
 * In the order in which the kernel prefers them, IPv4 first. A family that the kernel has not has none. Throws
 * `exec-failed`.
 */
export async function defaultRoutes(exec: Exec, families = kernelFamilies()): Promise<DefaultRoute[]> {
  const [four, six] = await Promise.all(
    families.map((family) => exec('ip', ['-json', `-${family}`, 'route', 'show', 'default'])),
  );
  return [...parseDefaultRoutes('inet', four ?? ''), ...parseDefaultRoutes('inet6', six ?? '')];
}

/** Leaves out routes that lead nowhere (`unreachable`, `blackhole`). Throws for what is not `ip`'s JSON. */
export function parseDefaultRoutes(family: DefaultRoute['family'], text: string): DefaultRoute[] {
  const routes = routesSchema.parse(text.trim() === '' ? [] : JSON.parse(text));
  return routes
    .filter(({ type = 'unicast' }) => type === 'unicast')
    .flatMap(({ metric = 0, nexthops, ...only }) =>
      (nexthops ?? [only]).flatMap(({ dev, gateway, via }) => {
        const by = gateway ?? via?.host;
        return dev === undefined
          ? []
          : [{ family, device: dev, ...(by !== undefined && { gateway: by }), metric }];
      }),
    )
    .sort((a, b) => a.metric - b.metric);
}
