// The tables of docs/dbus.md about what methods answer, made from the shapes of the answers and their descriptions.

import type { Method } from '../../../src/api/method.ts';

/** What zod keeps of a shape, as far as these tables need it. */
interface Shape {
  description?: string | undefined;
  shape?: Record<string, Shape>;
  def: {
    type: string;
    element?: Shape;
    innerType?: Shape;
    valueType?: Shape;
    options?: readonly Shape[];
    values?: readonly unknown[];
    entries?: Record<string, string>;
  };
}

export interface Field {
  /** `bridges[].name`: `[]` is each element of a list, `*` each key of an object whose keys are names. */
  path: string;
  type: string;
  description: string | undefined;
}

const HEAD = ['| field | type | what it is |', '| --- | --- | --- |'];
const WRAPPERS = new Set(['nullable', 'optional', 'default']);
/** More words than these are no list to read: their page is linked. */
const WORDS_MAX = 8;

/** A method whose shape has been made. */
export interface Shaped {
  name: string;
  shape: Shape;
}

export const shaped = async ({ name, answer }: Method): Promise<Shaped> => ({
  name,
  shape: (await answer()) as unknown as Shape,
});

/** Every field of the method's answer, in the order of its shape. */
export const fieldsOf = ({ shape }: Shaped, others: readonly Shaped[] = []): Field[] =>
  below('', bare(shape), namesOf(others));

/**
 * The page with the table under each `### ` heading that names methods made anew.
 * @param methods all of those whose answer is JSON
 */
export function withTables(page: string, methods: readonly Shaped[]): string {
  const [lead = '', ...parts] = page.split(/^(?=#{2,3} )/m);
  return lead + parts.map((part) => withTable(part, methods)).join('');
}

function withTable(part: string, methods: readonly Shaped[]): string {
  const [heading = '', ...lines] = part.split('\n');
  const method = methods.find(({ name }) => heading === `### \`${name}\``);
  if (method === undefined) return part;
  const start = lines.indexOf(HEAD[0] ?? '');
  const after = lines.findIndex((line, at) => at > start && !line.startsWith('|'));
  const table = [...HEAD, ...fieldsOf(method, methods).map(row)];
  const rest = start < 0 ? lines : [...lines.slice(0, start), ...lines.slice(after)];
  return [heading, ...rest.slice(0, Math.max(start, 1)), ...table, ...rest.slice(Math.max(start, 1))].join(
    '\n',
  );
}

const row = ({ path, type, description = '' }: Field) =>
  `| \`${path}\` | ${type} | ${description.replaceAll('|', '\\|')} |`;

const namesOf = (methods: readonly Shaped[]) => new Map(methods.map(({ name, shape }) => [shape, name]));

type Names = ReadonlyMap<Shape, string>;

function below(path: string, shape: Shape, names: Names): Field[] {
  const { element, valueType } = shape.def;
  if (shape.shape !== undefined)
    return Object.entries(shape.shape).flatMap(([key, field]) => {
      const at = path === '' ? key : `${path}.${key}`;
      const [inner, name] = [bare(field), names.get(bare(field))];
      const own = {
        path: at,
        type: name === undefined ? typeOf(field) : `as \`${name}\``,
        description: field.description,
      };
      return [own, ...(name === undefined ? below(at, inner, names) : [])];
    });
  if (element !== undefined) return below(`${path}[]`, bare(element), names);
  if (valueType !== undefined) return below(path === '' ? '*' : `${path}.*`, bare(valueType), names);
  return [];
}

function bare(shape: Shape): Shape {
  const { innerType } = shape.def;
  return innerType === undefined ? shape : bare(innerType);
}

function typeOf(shape: Shape): string {
  const { type, innerType, element, valueType, options, values, entries } = shape.def;
  if (WRAPPERS.has(type) && innerType !== undefined) {
    const inner = typeOf(innerType);
    if (type === 'nullable') return inner.replace(/(, may be missing)?$/, ' or `null`$1');
    return type === 'optional' ? `${inner}, may be missing` : inner;
  }
  if (element !== undefined)
    return bare(element).shape === undefined ? `list of ${typeOf(element)}s` : 'list of objects';
  if (valueType !== undefined)
    return bare(valueType).shape === undefined ? `object of ${typeOf(valueType)}s` : 'object';
  if (options !== undefined) return options.map(typeOf).join(' or ');
  if (values !== undefined) return values.map((value) => `\`${value}\``).join(' or ');
  if (entries !== undefined) {
    const words = Object.values(entries);
    return words.length > WORDS_MAX ? 'string' : words.map((word) => `\`${word}\``).join(', ');
  }
  return ['string', 'number', 'boolean', 'object'].includes(type) ? type : 'any';
}

/** Paths in what was answered that the shape does not name; what may be any JSON is not looked into. */
export function unnamed({ shape: whole }: Shaped, answer: unknown): string[] {
  const found: string[] = [];
  const look = (path: string, shape: Shape, value: unknown): void => {
    const { element, valueType } = shape.def;
    if (typeof value !== 'object' || value === null) return;
    if (element !== undefined && Array.isArray(value)) {
      for (const one of value) look(`${path}[]`, bare(element), one);
      return;
    }
    for (const [key, inner] of Object.entries(value)) {
      const field = shape.shape === undefined ? valueType : shape.shape[key];
      if (field !== undefined) look(`${path}.${key}`, bare(field), inner);
      else if (shape.shape !== undefined) found.push(`${path}.${key}`.replace(/^\./, ''));
    }
  };
  look('', bare(whole), answer);
  return found;
}
