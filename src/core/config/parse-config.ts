// Configuration text to the frozen configuration, or everything that is wrong with it.
import { AgentError } from '../lib/errors.ts';
import { type Config, fileSchema } from './config.ts';
import { configProblems, wrongKeys } from './problems.ts';
import { translateSeedKeys } from './seed-keys.ts';
import { parseToml } from './toml.ts';

export interface ParsedConfig {
  readonly config: Config;
  /** Keys of the first version that were accepted and have no effect, with the reason. */
  readonly warnings: readonly string[];
}

/** `config` is there when there are no problems. */
export interface ExaminedConfig {
  readonly config?: Config;
  readonly warnings: readonly string[];
  /** One sentence each. */
  readonly problems: readonly string[];
}

/** More than these in one line help nobody. */
const PROBLEMS_SHOWN = 5;

/** Throws `bad-config`; `name` is how the message calls the file. */
export function parseConfig(text: string, name: string): ParsedConfig {
  const { config, warnings, problems } = examineConfig(text);
  if (config === undefined) throw new AgentError('bad-config', `${name}: ${summary(problems)}`);
  return deepFreeze({ config, warnings });
}

/** Never throws: finds everything that is wrong at once. */
export function examineConfig(text: string): ExaminedConfig {
  const toml = parseToml(text);
  if (!toml.ok) return { warnings: [], problems: [toml.problem] };
  const { data, warnings, problems } = translateSeedKeys(toml.data);
  const parsed = fileSchema.safeParse(data);
  const all = parsed.success ? problems : [...problems, ...configProblems(parsed.error)];
  if (!parsed.success || all.length > 0) return { warnings, problems: all };
  return deepFreeze({ config: complete(parsed.data), warnings, problems: [] });
}

/** The configuration of a file whose wrong keys are left out: for who only reads, and says so. Never throws. */
export function salvagedConfig(text: string): Config {
  const toml = parseToml(text);
  let data = toml.ok ? translateSeedKeys(toml.data).data : {};
  for (;;) {
    const parsed = fileSchema.safeParse(data);
    if (parsed.success) return deepFreeze(complete(parsed.data));
    const fewer = without(data, wrongKeys(parsed.error));
    data = JSON.stringify(fewer) === JSON.stringify(data) ? {} : fewer;
  }
}

/** Checks a configuration in force that was written down as JSON. Undefined when it is none. */
export function configFromData(data: unknown): Config | undefined {
  const parsed = fileSchema.safeParse(data);
  return parsed.success ? deepFreeze(complete(parsed.data)) : undefined;
}

/** What is in force without a configuration file. */
export function defaultConfig(): Config {
  return parseConfig('', 'defaults').config;
}

/** Fills in what depends on other keys. */
function complete({ lxc, netmaker, bridges, ...rest }: ReturnType<typeof fileSchema.parse>): Config {
  const lxcBridge = lxc.bridge ?? rest.default_bridge;
  const netmakerBridge = netmaker.bridge ?? rest.docker.bridge;
  const named = [rest.default_bridge, lxcBridge, rest.docker.bridge, netmakerBridge];
  const bridgeDefaults = () => ({ create: true, addresses: [], datapath_type: 'auto' as const });
  return {
    ...rest,
    lxc: { ...lxc, bridge: lxcBridge },
    netmaker: { ...netmaker, bridge: netmakerBridge },
    bridges: Object.fromEntries([
      ...named.map((bridge) => [bridge, bridgeDefaults()]),
      ...Object.entries(bridges),
    ]),
  };
}

function without(
  data: Readonly<Record<string, unknown>>,
  paths: readonly (readonly string[])[],
): Record<string, unknown> {
  const copy = { ...data };
  for (const [key, ...rest] of paths) {
    if (key === undefined) return {};
    const inner = copy[key];
    if (rest.length > 0 && typeof inner === 'object' && inner !== null && !Array.isArray(inner)) {
      copy[key] = without(inner as Record<string, unknown>, [rest]);
    } else delete copy[key];
  }
  return copy;
}

function summary(problems: readonly string[]): string {
  const more = problems.length - PROBLEMS_SHOWN;
  return problems.slice(0, PROBLEMS_SHOWN).join('; ') + (more > 0 ? `; and ${more} more` : '');
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
