// Whether a Docker container gets a port of ours, on which bridge, and why or why not.
import * as z from 'zod';
import { LABEL_PREFIX, parseDockerLabels } from './docker-labels.ts';
import { matchesGlob } from './glob.ts';

/** The fields of `docker inspect` that we read (Engine API, GET /containers/{id}/json). */
export const dockerContainerSchema = z.object({
  Id: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'),
  /** With the leading slash, as the API gives it. */
  Name: z.string().min(1),
  State: z.object({
    Running: z.boolean(),
    /** 0 while it does not run. */
    Pid: z.int().nonnegative(),
    StartedAt: z.string(),
  }),
  HostConfig: z.object({ NetworkMode: z.string().default('default') }),
  Config: z.object({
    Labels: z.record(z.string(), z.string()).nullish(),
    Image: z.string().default(''),
  }),
  NetworkSettings: z.object({ SandboxKey: z.string().default('') }).nullish(),
});

export type DockerContainer = z.infer<typeof dockerContainerSchema>;

/** The part of `[docker]` in the configuration that decides. */
export interface AttachRules {
  readonly attach: 'netmaker' | 'labelled' | 'all';
  readonly bridge: string;
  readonly interface: string;
  /** Patterns with `*` and `?`; they count with `attach = "netmaker"`. */
  readonly names: readonly string[];
}

export type AttachDecision =
  | {
      readonly attach: true;
      readonly bridge: string;
      /** The interface's name inside the container. */
      readonly interface: string;
      readonly vmid?: number;
      readonly address?: string;
      readonly gateway?: string;
      readonly reason: string;
    }
  | {
      readonly attach: false;
      /** True when it was meant to be attached and cannot be: the ledger wants to know. */
      readonly selected: boolean;
      readonly reason: string;
    };

/** Pure; the running state is part of the container that is handed in. */
export function decideAttach(container: DockerContainer, rules: AttachRules): AttachDecision {
  const name = containerName(container);
  const labels = container.Config.Labels ?? {};
  const selection = select(name, labels, rules);
  if (!selection.selected) return { attach: false, selected: false, reason: selection.reason };
  const obstacle = modeObstacle(container.HostConfig.NetworkMode) ?? stateObstacle(container);
  if (obstacle !== undefined) return { attach: false, selected: true, reason: obstacle };
  const parsed = parseDockerLabels(labels);
  if (!parsed.ok) return { attach: false, selected: true, reason: parsed.problems.join('; ') };
  const { bridge = rules.bridge, ...wanted } = parsed.labels;
  return { attach: true, bridge, interface: rules.interface, ...wanted, reason: selection.reason };
}

/** Docker's name without the slash that its API puts before it. */
export function containerName(container: Pick<DockerContainer, 'Name'>): string {
  return container.Name.replace(/^\//, '');
}

function select(
  name: string,
  labels: Readonly<Record<string, string>>,
  rules: AttachRules,
): { selected: boolean; reason: string } {
  const bridgeLabel = `${LABEL_PREFIX}bridge`;
  if (Object.hasOwn(labels, bridgeLabel)) return { selected: true, reason: `label ${bridgeLabel}` };
  if (rules.attach === 'all') return { selected: true, reason: 'docker.attach is "all"' };
  const pattern =
    rules.attach === 'netmaker' ? rules.names.find((glob) => matchesGlob(glob, name)) : undefined;
  if (pattern !== undefined) return { selected: true, reason: `name matches ${pattern}` };
  const stray = Object.keys(labels).find((key) => key.startsWith(LABEL_PREFIX));
  const hint = stray === undefined ? '' : `; label ${stray} alone does not ask for a port`;
  return { selected: false, reason: `no label ${bridgeLabel} and docker.attach is "${rules.attach}"${hint}` };
}

/** `none` is no obstacle: such a container has a network namespace of its own, only nothing in it yet. */
function modeObstacle(mode: string): string | undefined {
  if (mode === 'host') return 'network mode host: it has no network namespace of its own';
  if (mode.startsWith('container:')) {
    return `network mode ${mode.slice(0, 30)}: it shares the network namespace of another container, attach that one`;
  }
  return undefined;
}

function stateObstacle({ State: { Running, Pid } }: DockerContainer): string | undefined {
  return Running && Pid > 0 ? undefined : 'it is not running';
}
