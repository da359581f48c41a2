// The JSON value type that ledger data, D-Bus answers and OVSDB rows are made of.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };
