// Whether the host's firewall lets a new connection of a pool through, judged by its ruleset as data; pure.
//
// It follows the chains of the forward hook as the kernel does (nft(8), libnftables-json(5)), for one packet each way. What
// cannot be decided without a real packet, such as a port, decides nothing: only what stops every packet is told.

import { z } from 'zod';
import { parseCidr, parseIp, subnetRange } from '../../core/lib/cidr.ts';
import { matchesGlob } from '../../core/lib/glob.ts';
import type { Pool } from '../types.ts';
import type { Obstacle } from './observed.ts';
import { TABLE } from './tables.ts';

/** A new connection, as the forward hook sees its first packet. An address that is undefined may be any. */
export interface Passage {
  family: 4 | 6;
  from: { device: string; subnet?: string };
  to: { device: string; subnet?: string };
}

const statementSchema = z.record(z.string(), z.unknown());
type Statement = z.infer<typeof statementSchema>;
const place = { family: z.string(), table: z.string() };
const chainSchema = z.object({
  ...place,
  name: z.string(),
  hook: z.string().optional(),
  prio: z.number().optional(),
  policy: z.string().optional(),
});
const ruleSchema = z.object({ ...place, chain: z.string(), expr: z.array(statementSchema).default([]) });
const setSchema = z.object({ ...place, name: z.string(), elem: z.array(z.unknown()).default([]) });
const tableSchema = z.object({ family: z.string(), name: z.string(), flags: z.unknown().optional() });
const rulesetSchema = z.object({ nftables: z.array(z.record(z.string(), z.unknown())) });
const matchSchema = z.object({ op: z.string().default('=='), left: z.unknown(), right: z.unknown() });

/** In words, with what to do: `the firewall stops …`. */
export function obstacleText({ family, direction, chain, verdict }: Obstacle, bridge: string): string {
  const way = direction === 'out' ? 'of the containers' : 'towards the containers';
  const how = verdict === 'policy drop' ? 'drops what no rule of it accepts' : `ends in ${verdict}`;
  const match = direction === 'out' ? `iifname "${bridge}"` : `oifname "${bridge}"`;
  return `the firewall stops new IPv${family} connections ${way}: chain ${chain} ${how}; accept ${match} there`;
}

interface Ruleset {
  chains: z.infer<typeof chainSchema>[];
  rulesOf: Map<string, Statement[][]>;
  setOf: Map<string, unknown[]>;
}

/** The obstacles to a pool's containers, none twice. Throws for what is no output of `nft -j list ruleset`. */
export function forwardObstacles(
  text: string,
  pools: readonly Pool[],
  bridge: string,
  uplinkOf: (family: 4 | 6) => string | undefined,
): Obstacle[] {
  const ruleset = parseRuleset(text);
  const found = pools.flatMap(({ family, subnet }) => {
    const device = uplinkOf(family);
    if (device === undefined) return [];
    const inside = { device: bridge, subnet };
    const ways = [
      ['out', { family, from: inside, to: { device } }],
      ['in', { family, from: { device }, to: inside }],
    ] as const;
    return ways.flatMap(([direction, passage]) => {
      const stop = judge(ruleset, passage);
      return stop === undefined ? [] : [{ family, direction, ...stop }];
    });
  });
  return [...new Map(found.map((one) => [JSON.stringify(one), one])).values()];
}

const keyOf = (family: string, table: string, name: string) => `${family} ${table} ${name}`;

function parseRuleset(text: string): Ruleset {
  const { nftables } = rulesetSchema.parse(JSON.parse(text));
  const dormant = new Set(
    nftables
      .flatMap(({ table }) => tableSchema.safeParse(table).data ?? [])
      .filter(({ flags }) => JSON.stringify(flags ?? '').includes('dormant'))
      .map(({ family, name }) => `${family} ${name}`),
  );
  const isObserved = ({ family, table }: { family: string; table: string }) =>
    ['ip', 'ip6', 'inet'].includes(family) && table !== TABLE.name && !dormant.has(`${family} ${table}`);
  const rulesOf: Ruleset['rulesOf'] = new Map();
  for (const { rule } of nftables) {
    const parsed = ruleSchema.safeParse(rule).data;
    if (parsed === undefined || !isObserved(parsed)) continue;
    const key = keyOf(parsed.family, parsed.table, parsed.chain);
    rulesOf.set(key, [...(rulesOf.get(key) ?? []), parsed.expr]);
  }
  const setOf: Ruleset['setOf'] = new Map();
  for (const { set } of nftables) {
    const parsed = setSchema.safeParse(set).data;
    if (parsed !== undefined) setOf.set(keyOf(parsed.family, parsed.table, parsed.name), parsed.elem);
  }
  const chains = nftables.flatMap(({ chain }) => chainSchema.safeParse(chain).data ?? []).filter(isObserved);
  return { chains, rulesOf, setOf };
}

/** A drop in any base chain is final; an accept ends its own chain only. */
function judge(ruleset: Ruleset, passage: Passage): Pick<Obstacle, 'chain' | 'verdict'> | undefined {
  const bases = ruleset.chains
    .filter(({ hook, family }) => hook === 'forward' && isOfFamily(family, passage.family))
    .sort((a, b) => (a.prio ?? 0) - (b.prio ?? 0));
  for (const { family, table, name, policy } of bases) {
    const ended = walk({ ruleset, passage, family, table }, name, 0);
    if (ended === 'accept') continue;
    if (typeof ended === 'object') return ended;
    if (policy === 'drop') return { chain: keyOf(family, table, name), verdict: 'policy drop' };
  }
  return undefined;
}

const isOfFamily = (name: string, family: 4 | 6) => name === 'inet' || name === (family === 4 ? 'ip' : 'ip6');

interface Place {
  ruleset: Ruleset;
  passage: Passage;
  family: string;
  table: string;
}

type End = 'accept' | 'return' | 'continue' | Pick<Obstacle, 'chain' | 'verdict'>;
/** `unknown`: some packets, or none that can be told of. */
type Answer = 'yes' | 'no' | 'unknown';

/** As deep as the kernel lets chains call each other (NFT_JUMP_STACK_SIZE). */
const DEPTH_MAX = 16;

function walk(at: Place, chain: string, depth: number): End {
  if (depth > DEPTH_MAX) return 'continue';
  for (const expressions of at.ruleset.rulesOf.get(keyOf(at.family, at.table, chain)) ?? []) {
    const ended = endOf(at, chain, expressions, depth);
    if (ended === 'return') return 'continue';
    if (ended !== 'continue') return ended;
  }
  return 'continue';
}

function endOf(at: Place, chain: string, expressions: readonly Statement[], depth: number): End {
  const found = expressions.flatMap((one) => matchSchema.safeParse(one['match']).data ?? []);
  const answers = found.map((match) => ({ answer: answerOf(at, match), isAimed: isAimed(match) }));
  if (answers.some(({ answer }) => answer === 'no')) return 'continue';
  // `xt` stands for a match of iptables that nft does not show, such as a comment.
  const isSure = answers.every(({ answer }) => answer === 'yes') && !expressions.some((one) => 'xt' in one);
  // Whoever named our device or addresses has thought of us: what the rest of the rule asks is theirs to know.
  const isForUs = isSure || answers.some((one) => one.isAimed && one.answer === 'yes');
  for (const { verdict, answer } of expressions.flatMap((one) => verdictsOf(at, one))) {
    const kind = Object.keys(verdict)[0] ?? '';
    if (kind === 'accept' && isForUs && answer === 'yes') return 'accept';
    if (kind === 'return' && isSure && answer === 'yes') return 'return';
    if ((kind === 'drop' || kind === 'reject') && isSure && answer === 'yes') {
      return { chain: keyOf(at.family, at.table, chain), verdict: kind };
    }
    if (kind !== 'jump' && kind !== 'goto') continue;
    const target = targetSchema.safeParse(verdict[kind]).data?.target ?? '';
    const ended = walk(at, target, depth + 1);
    if (ended === 'accept') return ended;
    if (!isSure || answer !== 'yes') continue;
    if (typeof ended === 'object') return ended;
    if (kind === 'goto') return 'return';
  }
  return 'continue';
}

const targetSchema = z.object({ target: z.string() });
const VERDICTS = ['accept', 'drop', 'reject', 'return', 'jump', 'goto'];
const mapSchema = z.object({
  key: z.unknown(),
  data: z.object({ set: z.array(z.tuple([z.unknown(), statementSchema])) }),
});

/** Those of one statement, in order, and whether it comes to them. */
function verdictsOf(at: Place, statement: Statement): { verdict: Statement; answer: Answer }[] {
  if (VERDICTS.some((kind) => kind in statement)) return [{ verdict: statement, answer: 'yes' }];
  const map = mapSchema.safeParse(statement['vmap']).data;
  if (map === undefined) return [];
  return map.data.set.flatMap(([value, verdict]) => {
    const answer = answerOf(at, { op: '==', left: map.key, right: value });
    return answer === 'no' ? [] : [{ verdict, answer }];
  });
}

type Match = z.infer<typeof matchSchema>;
const metaSchema = z.object({ meta: z.object({ key: z.string() }) });
const payloadSchema = z.object({ payload: z.object({ protocol: z.string(), field: z.string() }) });
const ctSchema = z.object({ ct: z.object({ key: z.string() }) });

function isAimed({ op, left }: Match): boolean {
  const meta = metaSchema.safeParse(left).data?.meta.key ?? '';
  const field = payloadSchema.safeParse(left).data?.payload.field ?? '';
  return op !== '!=' && (/^[io]if(name)?$/.test(meta) || /^[sd]addr$/.test(field));
}

function answerOf(at: Place, { op, left, right }: Match): Answer {
  if (op !== '==' && op !== 'in' && op !== '!=') return 'unknown';
  const answer = combined(elementsOf(at, right).map((value) => compare(at.passage, left, value)));
  if (op !== '!=' || answer === 'unknown') return answer;
  return answer === 'yes' ? 'no' : 'yes';
}

const combined = (answers: readonly Answer[]): Answer =>
  answers.includes('yes') ? 'yes' : answers.every((answer) => answer === 'no') ? 'no' : 'unknown';

/** One value, those of a list, or those of a set, which is named by `@`. */
function elementsOf({ ruleset, family, table }: Place, right: unknown): unknown[] {
  if (Array.isArray(right)) return right;
  const inner = z.object({ set: z.array(z.unknown()) }).safeParse(right).data?.set;
  if (inner !== undefined) return inner;
  if (typeof right !== 'string' || !right.startsWith('@')) return [right];
  return ruleset.setOf.get(keyOf(family, table, right.slice(1))) ?? [undefined];
}

function compare({ family, from, to }: Passage, left: unknown, value: unknown): Answer {
  const meta = metaSchema.safeParse(left).data?.meta.key;
  if (meta === 'iifname' || meta === 'iif') return isDevice(from.device, value);
  if (meta === 'oifname' || meta === 'oif') return isDevice(to.device, value);
  if (meta === 'nfproto' || meta === 'protocol') {
    const own = meta === 'nfproto' ? `ipv${family}` : family === 4 ? 'ip' : 'ip6';
    return typeof value !== 'string' ? 'unknown' : value === own ? 'yes' : 'no';
  }
  const ct = ctSchema.safeParse(left).data?.ct.key;
  if (ct === 'state') return typeof value !== 'string' ? 'unknown' : value === 'new' ? 'yes' : 'no';
  // Nobody has translated it: addresses of a pool are never.
  if (ct === 'status') return 'no';
  const payload = payloadSchema.safeParse(left).data?.payload;
  if (payload?.protocol !== 'ip' && payload?.protocol !== 'ip6') return 'unknown';
  if (payload.protocol !== (family === 4 ? 'ip' : 'ip6')) return 'no';
  if (payload.field === 'saddr') return isWithin(from.subnet, family, value);
  if (payload.field === 'daddr') return isWithin(to.subnet, family, value);
  return 'unknown';
}

const isDevice = (device: string, value: unknown): Answer =>
  typeof value !== 'string' ? 'unknown' : matchesGlob(value, device) ? 'yes' : 'no';

const addressesSchema = z.union([
  z.string(),
  z.object({ prefix: z.object({ addr: z.string(), len: z.number() }) }),
  z.object({ range: z.tuple([z.string(), z.string()]) }),
]);

/** Whether all, none or some addresses of a subnet are meant; without one, of the whole internet. */
function isWithin(subnet: string | undefined, family: 4 | 6, value: unknown): Answer {
  const meant = rangeOf(addressesSchema.safeParse(value).data);
  const own = parseCidr(subnet ?? (family === 4 ? '0.0.0.0/0' : '::/0'));
  if (meant === undefined || own === undefined) return 'unknown';
  const { first, last } = subnetRange(own);
  if (meant.first <= first && last <= meant.last) return 'yes';
  return subnet !== undefined && (last < meant.first || meant.last < first) ? 'no' : 'unknown';
}

function rangeOf(value: z.infer<typeof addressesSchema> | undefined) {
  if (value === undefined) return undefined;
  const ends = (low: string, high: string) => {
    const [first, last] = [parseIp(low)?.value, parseIp(high)?.value];
    return first === undefined || last === undefined ? undefined : { first, last };
  };
  if (typeof value === 'string') return ends(value, value);
  if ('range' in value) return ends(...value.range);
  const cidr = parseCidr(`${value.prefix.addr}/${value.prefix.len}`);
  return cidr && subnetRange(cidr);
}
