// A connection profile as NetworkManager takes it over D-Bus: settings of typed values.

/** A value with its D-Bus signature. */
export interface Typed {
  readonly signature: string;
  readonly value: unknown;
}
export type Profile = Record<string, Record<string, Typed>>;
