// Proxmox's comma-separated property strings, split and checked exactly as pve-common JSONSchema.pm does.

import { quoted } from '../../../core/lib/quoted.ts';

/** How one key's value is checked; `problem` answers what is wrong with it, or undefined. */
export interface PropertyRule {
  readonly type: 'string' | 'integer' | 'number' | 'boolean';
  readonly min?: number;
  readonly max?: number;
  readonly required?: boolean;
  readonly problem?: (value: string) => string | undefined;
}

export interface PropertyFormat {
  readonly rules: ReadonlyMap<string, PropertyRule>;
  /** The key that a bare value (no `=`) stands for. */
  readonly defaultKey?: string;
  /** `virtio=MAC`: a key whose name is the value of one property and whose value is another's. */
  readonly alias?: { readonly names: ReadonlySet<string>; readonly nameIs: string; readonly valueIs: string };
}

export type PropertyValue = string | number | boolean;
export type PropertyResult =
  | { ok: true; values: Map<string, PropertyValue> }
  | { ok: false; problem: string };

/** Parses one property string (JSONSchema.pm:parse_property_string, check_object, check_prop). */
export function parsePropertyString(format: PropertyFormat, data: string): PropertyResult {
  const raw = split(format, data);
  if (typeof raw === 'string') return { ok: false, problem: raw };
  const values = new Map<string, PropertyValue>();
  for (const [key, text] of raw) {
    const rule = format.rules.get(key);
    if (rule === undefined) return { ok: false, problem: `unknown key ${quoted(key, 40)}` };
    const checked = check(rule, text);
    if ('problem' in checked) return { ok: false, problem: `${key}: ${checked.problem}` };
    values.set(key, checked.value);
  }
  for (const [key, rule] of format.rules) {
    if (rule.required && !values.has(key)) return { ok: false, problem: `${key} is missing` };
  }
  return { ok: true, values };
}

/** Key to text, or what is wrong. The order of the checks is Proxmox's, because it decides what is a duplicate. */
function split(format: PropertyFormat, data: string): Map<string, string> | string {
  const result = new Map<string, string>();
  let bareSeen = false;
  for (const part of data.split(',')) {
    if (/^\s*$/.test(part)) continue;
    const pair = /^([^=]+)=([^\n]+)$/.exec(part);
    if (pair?.[1] !== undefined && pair[2] !== undefined) {
      const [, key, value] = pair;
      if (result.has(key)) return `${key} is given twice`;
      const alias = format.alias;
      if (alias?.names.has(key)) {
        if (result.has(alias.nameIs)) return `${alias.nameIs} is given twice`;
        // Since pve-common 9.1.9 (2026-03); before that the alias's value stood.
        if (result.has(alias.valueIs)) return `${alias.valueIs} is given twice`;
        result.set(alias.nameIs, key);
        result.set(alias.valueIs, value);
      } else {
        result.set(key, value);
      }
    } else if (!part.includes('=')) {
      const key = format.defaultKey;
      if (key === undefined) return `${quoted(part, 40)} is a value without a key`;
      if (bareSeen || result.has(key)) return `${key} is given twice`;
      bareSeen = true;
      result.set(key, part);
    } else {
      return `${quoted(part, 40)} has no key or no value`;
    }
  }
  return result;
}

function check(rule: PropertyRule, text: string): { value: PropertyValue } | { problem: string } {
  if (rule.type === 'boolean') {
    if (/^(?:1|on|yes|true)$/i.test(text)) return { value: true };
    if (/^(?:0|off|no|false)$/i.test(text)) return { value: false };
    return { problem: `must be 1 or 0, not ${quoted(text, 40)}` };
  }
  if (rule.type === 'string') {
    const problem = rule.problem?.(text);
    return problem === undefined ? { value: text } : { problem };
  }
  const pattern =
    rule.type === 'integer' ? /^[+-]?\d+$/ : /^[+-]?(?:\d+\.\d+|\d+\.|\.\d+|\d+)(?:[eE][+-]?\d+)?$/;
  const noun = rule.type === 'integer' ? 'a whole number' : 'a number';
  if (!pattern.test(text)) return { problem: `must be ${noun}, not ${quoted(text, 40)}` };
  const value = Number(text);
  if (rule.min !== undefined && value < rule.min)
    return { problem: `must be at least ${rule.min}, not ${quoted(text, 40)}` };
  if (rule.max !== undefined && value > rule.max)
    return { problem: `must be at most ${rule.max}, not ${quoted(text, 40)}` };
  return { value };
}
