// Whether a Docker container gets a port of ours, on which bridge, and why or why not.
import * as z from 'zod';
import { shortGuestName } from '../../core/guest/guest.ts';
import { LABEL_PREFIX } from '../../core/guest/label-prefix.ts';
import { matchesGlob } from '../../core/lib/glob.ts';
import type { ServiceRule } from '../../core/plan/port-security.ts';
import { type Detection, detectNetmaker, NETMAKER_LABEL } from '../../netmaker/detection/detect.ts';
import { type DetectionSettings, patternsOf } from '../../netmaker/detection/patterns.ts';
import type { NetmakerRole } from '../../netmaker/types.ts';
import { netmakerOnlyProblems, parseDockerLabels } from './labels.ts';

/** One network of a container; empty and 0 where it has no address of that family. */
const networkSchema = z.object({
  EndpointID: z.string().default(''),
  IPAddress: z.string().default(''),
  IPPrefixLen: z.int().default(0),
  Gateway: z.string().default(''),
  GlobalIPv6Address: z.string().default(''),
  GlobalIPv6PrefixLen: z.int().default(0),
  IPv6Gateway: z.string().default(''),
});

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
    /** Absent without a health check; its status is `starting`, `healthy`, `unhealthy` or `none`. */
    Health: z.object({ Status: z.string() }).nullish(),
  }),
  /** The image's id; empty where the engine does not say. */
  Image: z.string().default(''),
  /** By Docker's restart policy alone; counts anew with `docker start`. */
  RestartCount: z.int().nonnegative().default(0),
  /** The host's file that is the container's /etc/resolv.conf. */
  ResolvConfPath: z.string().default(''),
  HostConfig: z.object({
    NetworkMode: z.string().default('default'),
    Dns: z.array(z.string()).nullish(),
  }),
  Config: z.object({
    Labels: z.record(z.string(), z.string()).nullish(),
    Image: z.string().default(''),
  }),
  NetworkSettings: z
    .object({
      SandboxKey: z.string().default(''),
      Networks: z.record(z.string(), networkSchema.nullable()).nullish(),
    })
    .nullish(),
});

/** `Config.Labels` are those that the container was given, without its image's. */
export type DockerContainer = z.infer<typeof dockerContainerSchema> & {
  /** It has labels of ours, and its image is gone, so nobody can say which it was given; they are left out then. */
  areLabelsUnknown?: boolean;
};

/** The parts of `[docker]` and `[netmaker]` in the configuration that decide. */
export interface AttachRules {
  readonly attach: 'netmaker' | 'labelled' | 'all';
  readonly bridge: string;
  readonly interface: string;
  /** Patterns with `*` and `?`, besides those that detection has. */
  readonly names: readonly string[];
  /** When absent or not enabled, no container has a role, and `names` alone decide with `attach = "netmaker"`. */
  readonly netmaker?: DetectionSettings & { readonly enabled: boolean; readonly bridge: string };
}

export type AttachDecision =
  | {
      readonly attach: true;
      readonly bridge: string;
      /** The interface's name inside the container. */
      readonly interface: string;
      readonly vmid?: number;
      /** Canonical `ADDRESS/PREFIX`; with a role also `ADDRESS` alone, which has to be in a pool. */
      readonly address?: string;
      readonly gateway?: string;
      /** With a role only, as all that follows: the container is one of Netmaker's. */
      readonly role?: NetmakerRole;
      /** IPv6, with or without prefix length. */
      readonly address6?: string;
      readonly allowIn?: readonly ServiceRule[];
      /** kbit/s; 0: no limit. */
      readonly rateIn?: number;
      readonly rateOut?: number;
      readonly failoverGroup?: string;
      readonly reason: string;
    }
  | {
      readonly attach: false;
      /** True when it was meant to be attached and cannot be: the ledger wants to know. */
      readonly selected: boolean;
      /** Whether it is Netmaker's, or looks like it: `netmaker list` shows it with the reason. */
      readonly considered: boolean;
      /** A label of ours asked for something that is not done: whoever gave it should hear of it, wherever they look. */
      readonly isMistake: boolean;
      readonly role?: NetmakerRole;
      readonly reason: string;
    };

const UNKNOWN_LABELS =
  'its image is gone, so which labels it was given itself cannot be told: make the container anew from an image that exists';

/** Pure; the running state is part of the container that is handed in. */
export function decideAttach(container: DockerContainer, rules: AttachRules): AttachDecision {
  const labels = container.Config.Labels ?? {};
  const detection = detect(container, rules);
  const role = detection?.netmaker ? { role: detection.role } : {};
  const considered = detection !== undefined && (detection.netmaker || detection.considered);
  const refused = (selected: boolean, reason: string, isMistake = false) => ({
    attach: false as const,
    selected,
    considered,
    isMistake,
    ...role,
    reason,
  });

  if (container.areLabelsUnknown) return refused(true, UNKNOWN_LABELS, true);
  const selection = select(containerName(container), labels, rules, detection);
  if (!selection.selected) {
    const asks = (key: string) => key.startsWith(LABEL_PREFIX) && key !== NETMAKER_LABEL;
    const isAsking = labels[NETMAKER_LABEL] !== 'false' && Object.keys(labels).some(asks);
    return refused(isAsking, selection.reason, isAsking);
  }
  const obstacle = modeObstacle(container.HostConfig.NetworkMode) ?? stateObstacle(container);
  if (obstacle !== undefined) return refused(true, obstacle);
  const parsed = parseDockerLabels(labels);
  if (!parsed.ok) return refused(true, parsed.problems.join('; '), true);
  const publicBridge = detection?.netmaker ? rules.netmaker?.bridge : undefined;
  const { bridge = publicBridge ?? rules.bridge, netmaker: _, ...requested } = parsed.labels;
  const strays = bridge === publicBridge ? [] : netmakerOnlyProblems(labels, publicBridge);
  if (strays.length > 0) return refused(true, strays.join('; '), true);
  const nic = { bridge, interface: rules.interface };
  return { attach: true, ...nic, ...role, ...requested, reason: selection.reason };
}

const HEALTH = ['healthy', 'unhealthy', 'starting'] as const;

/** `none` for a container that has no health check, or one whose state Docker does not say. */
export function healthOf({ State }: Pick<DockerContainer, 'State'>): (typeof HEALTH)[number] | 'none' {
  return HEALTH.find((word) => word === State.Health?.Status) ?? 'none';
}

/** Docker's name as the guest's. */
export function containerName(container: Pick<DockerContainer, 'Name'>): string {
  return shortGuestName(container.Name);
}

function detect(container: DockerContainer, { netmaker, names }: AttachRules): Detection | undefined {
  if (!netmaker?.enabled) return undefined;
  const { Labels: labels, Image: image } = container.Config;
  const candidate = { name: containerName(container), image, labels: labels ?? {} };
  return detectNetmaker(candidate, patternsOf(netmaker, names));
}

function select(
  name: string,
  labels: Readonly<Record<string, string>>,
  { attach, names }: AttachRules,
  detection: Detection | undefined,
): { selected: boolean; reason: string } {
  const bridgeLabel = `${LABEL_PREFIX}bridge`;
  const isLabelled = detection !== undefined && Object.hasOwn(labels, NETMAKER_LABEL);
  // Who detects a container by its label, or by more than its label where that is enough, has the better reason.
  if (detection?.netmaker && (isLabelled || attach === 'netmaker')) {
    return { selected: true, reason: detection.reason };
  }
  if (Object.hasOwn(labels, bridgeLabel)) return { selected: true, reason: `label ${bridgeLabel}` };
  if (attach === 'all') return { selected: true, reason: 'docker.attach is "all"' };
  if (detection === undefined && attach === 'netmaker') {
    const pattern = names.find((glob) => matchesGlob(glob, name));
    if (pattern !== undefined) return { selected: true, reason: `name matches ${pattern}` };
  }
  if (detection?.netmaker === false && detection.considered) {
    // A label with a mistake in it asked for something; `false` and a denied part did not.
    const isMistake = isLabelled && labels[NETMAKER_LABEL] !== 'false';
    return { selected: isMistake, reason: detection.reason };
  }
  const parsed = parseDockerLabels(labels);
  if (!parsed.ok) return { selected: false, reason: parsed.problems.join('; ') };
  const stray = Object.keys(labels).find((key) => key.startsWith(LABEL_PREFIX));
  const hint = stray === undefined ? '' : `; label ${stray} alone does not ask for a port`;
  return { selected: false, reason: `no label ${bridgeLabel} and docker.attach is "${attach}"${hint}` };
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
