// What LXC tells a hook: by arguments (lxc.hook.version 0) or by environment (version 1).
import * as z from 'zod/mini';
import { guestNameProblem } from '../../core/guest/guest.ts';
import { fromParse, type HookInput } from '../../core/guest/hook-input.ts';
import { kernelNameProblem } from '../../core/lib/device-name.ts';

export const LXC_PHASES = ['start-host', 'post-stop'] as const;
export type LxcPhase = (typeof LXC_PHASES)[number];

/** `lxc.net.N.script.up` and `.down`. */
export interface LxcNetworkHook {
  readonly kind: 'network';
  readonly name: string;
  readonly action: 'up' | 'down';
  /** `veth`, `macvlan`, `phys`, …; only `veth` has an end on the host that can be a port. */
  readonly netType: string;
  /** The host end of a veth. */
  readonly hostInterface?: string;
  /** `lxc.net.N.link`. */
  readonly link?: string;
  readonly configFile?: string;
}

/** `lxc.hook.start-host` and `lxc.hook.post-stop`. */
export interface LxcContainerHook {
  readonly kind: 'container';
  readonly name: string;
  readonly phase: LxcPhase;
  /** Of the container's init, in the host's PID namespace. */
  readonly pid?: number;
  /** Why the container ends. */
  readonly target?: 'stop' | 'reboot';
  readonly configFile?: string;
}

export type LxcHookInput = LxcNetworkHook | LxcContainerHook;

const nameSchema = checked(guestNameProblem, 'no container name given');
const deviceSchema = checked((name) => kernelNameProblem(name), 'no host interface given');
const common = { name: nameSchema, configFile: z.exactOptional(z.string()) };

const networkSchema = z.object({
  ...common,
  kind: z.literal('network'),
  action: z.enum(['up', 'down'], { error: 'a network hook is called with up or down' }),
  netType: z.string().check(z.regex(/^[a-z0-9_-]{1,32}$/, { error: 'the network type is not understood' })),
  hostInterface: z.exactOptional(deviceSchema),
  link: z.exactOptional(deviceSchema),
});

const containerSchema = z.object({
  ...common,
  kind: z.literal('container'),
  phase: z.enum(LXC_PHASES, { error: `the phase must be one of ${LXC_PHASES.join(', ')}` }),
  pid: z.exactOptional(z.int().check(z.positive())),
  target: z.exactOptional(z.enum(['stop', 'reboot'])),
});

/**
 * @param argv without interpreter and script. lxc:src/lxc/conf.c:run_script_argv:
 *   version 0 `NAME net up|down TYPE …` or `NAME lxc PHASE`, version 1 only what follows, and LXC_HOOK_TYPE,
 *   LXC_HOOK_SECTION, LXC_NET_TYPE, LXC_NET_PEER, LXC_NET_PARENT in the environment. LXC_NAME is there in both.
 */
export function parseLxcHookInput(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): HookInput<LxcHookInput> {
  const call = isVersion1(argv, env) ? fromEnvironment(argv, env) : fromArguments(argv, env);
  if (call.section !== 'net' && call.section !== 'lxc') {
    return { ok: false, problem: 'lxc hook: called neither as a network hook nor as a container hook' };
  }
  const shared = { name: call.name, ...(env.LXC_CONFIG_FILE && { configFile: env.LXC_CONFIG_FILE }) };
  const parsed: HookInput<LxcHookInput> =
    call.section === 'net'
      ? fromParse(
          networkSchema.safeParse({ ...shared, kind: 'network', action: call.hook, ...call.net }),
          'lxc hook',
        )
      : fromParse(
          containerSchema.safeParse({ ...shared, kind: 'container', phase: call.hook, ...ends(env) }),
          'lxc hook',
        );
  if (
    parsed.ok &&
    parsed.input.kind === 'network' &&
    parsed.input.netType === 'veth' &&
    !parsed.input.hostInterface
  ) {
    return { ok: false, problem: 'lxc hook: no host interface given for a veth' };
  }
  return parsed;
}

interface Call {
  readonly name: string | undefined;
  readonly section: string | undefined;
  readonly hook: string | undefined;
  readonly net: { netType?: string; hostInterface?: string; link?: string };
}

/** A leftover LXC_HOOK_TYPE of an outer hook must not win over arguments that are plainly version 0. */
function isVersion1(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): boolean {
  if (env.LXC_HOOK_VERSION !== undefined) return env.LXC_HOOK_VERSION !== '0';
  const looksLikeVersion0 = argv[1] === 'net' || argv[1] === 'lxc';
  return !looksLikeVersion0 && env.LXC_HOOK_TYPE !== undefined;
}

function fromArguments(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Call {
  const [name, section, hook, netType, ...rest] = argv;
  return { name: name ?? env.LXC_NAME, section, hook, net: net(netType, rest) };
}

function fromEnvironment(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Call {
  const netType = env.LXC_NET_TYPE;
  const fromArgv = net(netType, argv.slice(1));
  const hostInterface = env.LXC_NET_PEER || fromArgv.hostInterface;
  const link = env.LXC_NET_PARENT || fromArgv.link;
  return {
    name: env.LXC_NAME,
    section: env.LXC_HOOK_SECTION,
    hook: env.LXC_HOOK_TYPE,
    net: {
      ...(netType !== undefined && { netType }),
      ...(hostInterface && { hostInterface }),
      ...(link && { link }),
    },
  };
}

/**
 * For a veth LXC passes `veth LINK PEER`; without `lxc.net.N.link` the shell swallows the empty LINK, so that
 * Proxmox containers come as `veth PEER` (lxc:src/lxc/network.c:instantiate_veth). The others pass `TYPE LINK`.
 */
function net(netType: string | undefined, rest: readonly string[]): Call['net'] {
  if (netType === undefined) return {};
  if (netType !== 'veth') return { netType, ...(rest[0] && { link: rest[0] }) };
  const present = rest.filter((argument) => argument !== '').slice(0, 2);
  const [first, second] = present;
  if (second !== undefined && first !== undefined) return { netType, link: first, hostInterface: second };
  return { netType, ...(first !== undefined && { hostInterface: first }) };
}

function ends(env: Readonly<Record<string, string | undefined>>): { pid?: number; target?: string } {
  const pid = /^[1-9][0-9]{0,9}$/.test(env.LXC_PID ?? '') ? Number(env.LXC_PID) : undefined;
  const target = env.LXC_TARGET === 'stop' || env.LXC_TARGET === 'reboot' ? env.LXC_TARGET : undefined;
  return { ...(pid !== undefined && { pid }), ...(target !== undefined && { target }) };
}

function checked(problemOf: (text: string) => string | undefined, missing: string) {
  return z.string({ error: missing }).check((context) => {
    const message = problemOf(context.value);
    if (message !== undefined) context.issues.push({ code: 'custom', message, input: context.value });
  });
}
