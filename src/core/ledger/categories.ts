// The closed set of block categories, each with its producer.

const PRODUCER_OF = {
  bridge: 'network',
  interface: 'network',
  connection: 'network',
  port: 'network',
  connectivity: 'network',
  lifecycle: 'network',
  config: 'settings',
  policy: 'settings',
  template: 'settings',
  parameter: 'settings',
  authentication: 'user',
  authorization: 'user',
  session: 'user',
  access: 'user',
  storage: 'storage',
  filesystem: 'storage',
  mount: 'storage',
  backup: 'storage',
  snapshot: 'storage',
  external: 'external',
} as const;

export type Category = keyof typeof PRODUCER_OF;
export type Producer = (typeof PRODUCER_OF)[Category];

export const CATEGORIES = Object.keys(PRODUCER_OF) as [Category, ...Category[]];
export const PRODUCERS = [
  'network',
  'settings',
  'user',
  'storage',
  'external',
] as const satisfies readonly Producer[];

export function isCategory(name: string): name is Category {
  return Object.hasOwn(PRODUCER_OF, name);
}

export function producerOf(category: Category): Producer {
  return PRODUCER_OF[category];
}
