// A copy of the rows we monitor (RFC 7047 §4.1.5), kept current by update notifications.

import { z } from 'zod';
import { MONITORED, type Row, rowSchemas, type TableName } from './rows.ts';

const updateSchema = z.record(
  z.string(),
  z.record(
    z.string(),
    z.object({ new: z.record(z.string(), z.unknown()).optional(), old: z.unknown().optional() }),
  ),
);

/** One changed row, as listeners see it. */
export interface RowChange {
  table: TableName;
  uuid: string;
  before: Row<TableName> | undefined;
  after: Row<TableName> | undefined;
}

/** A row that is left out, and why as one sentence. */
export interface RowProblem {
  table: TableName;
  uuid: string;
  text: string;
}

export interface Replica {
  apply(update: unknown): RowChange[];
  rows<T extends TableName>(table: T): ReadonlyMap<string, Row<T>>;
  /** The row of that name, or undefined; names are unique in each of these tables (vswitch.ovsschema). */
  named<T extends NamedTable>(table: T, name: string): Row<T> | undefined;
  /** What `make` says of the rows as they are now. It is kept until a row changes: an attach asks the same ten times. */
  derived<T>(make: (replica: Replica) => T): T;
  /** What `make` makes, once in this replica's life. */
  kept<T>(make: () => T): T;
  /** Rows that are left out because they are not what the schema of OVSDB promises. */
  problems(): readonly RowProblem[];
  clear(): void;
}

const isTable = (name: string): name is TableName => name in rowSchemas;

/** Tables whose rows go by a name. */
export type NamedTable = 'Bridge' | 'Port' | 'Interface';

/**
 * An empty replica; `apply` takes the `monitor` reply and every `update` after it. One row that is not understood costs none
 * of the others; `problems` tells. Throws ZodError for what is no update at all.
 */
export function emptyReplica(): Replica {
  const tables = new Map<TableName, Map<string, Row<TableName>>>(
    (Object.keys(MONITORED) as TableName[]).map((table) => [table, new Map()]),
  );
  const rowsOf = (table: TableName) => tables.get(table) ?? new Map<string, Row<TableName>>();
  // A host has hundreds of ports, and each attach looks for a handful of names.
  const uuids = new Map<string, string>();
  const nameKey = (table: TableName, row: Row<TableName> | undefined) =>
    row !== undefined && 'name' in row ? `${table}/${row.name}` : undefined;
  const reindex = (
    table: TableName,
    uuid: string,
    before: Row<TableName> | undefined,
    after: Row<TableName> | undefined,
  ) => {
    const [old, now] = [nameKey(table, before), nameKey(table, after)];
    // The new row of a name may come before the old one goes.
    if (old !== undefined && old !== now && uuids.get(old) === uuid) uuids.delete(old);
    if (now !== undefined) uuids.set(now, uuid);
  };

  const unread = new Map<string, RowProblem>();
  const parsed = (table: TableName, uuid: string, columns: Record<string, unknown>) => {
    const found = rowSchemas[table].safeParse(columns);
    if (found.success) {
      unread.delete(uuid);
      return { ...found.data, uuid } as Row<TableName>;
    }
    unread.set(uuid, { table, uuid, text: rowProblem(table, nameOf(columns) ?? uuid, found.error) });
    return undefined;
  };

  const derived = new Map<(replica: Replica) => unknown, unknown>();
  const kept = new Map<() => unknown, unknown>();

  return {
    apply(update) {
      derived.clear();
      const changes: RowChange[] = [];
      for (const [table, rows] of Object.entries(updateSchema.parse(update))) {
        if (!isTable(table)) continue;
        for (const [uuid, change] of Object.entries(rows)) {
          const before = rowsOf(table).get(uuid);
          const after = change.new === undefined ? undefined : parsed(table, uuid, change.new);
          if (change.new === undefined) unread.delete(uuid);
          if (after === undefined) rowsOf(table).delete(uuid);
          else rowsOf(table).set(uuid, after);
          reindex(table, uuid, before, after);
          changes.push({ table, uuid, before, after });
        }
      }
      return changes;
    },
    rows: <T extends TableName>(table: T) => rowsOf(table) as unknown as ReadonlyMap<string, Row<T>>,
    named: <T extends NamedTable>(table: T, name: string) => {
      const uuid = uuids.get(`${table}/${name}`);
      return uuid === undefined ? undefined : (rowsOf(table).get(uuid) as Row<T> | undefined);
    },
    derived<T>(make: (replica: Replica) => T): T {
      if (!derived.has(make)) derived.set(make, make(this));
      return derived.get(make) as T;
    },
    kept<T>(make: () => T): T {
      if (!kept.has(make)) kept.set(make, make());
      return kept.get(make) as T;
    },
    problems: () => [...unread.values()],
    clear() {
      derived.clear();
      unread.clear();
      uuids.clear();
      for (const rows of tables.values()) rows.clear();
    },
  };
}

const nameOf = ({ name }: Record<string, unknown>) => (typeof name === 'string' ? name : undefined);

function rowProblem(table: TableName, name: string, error: z.ZodError): string {
  const [issue] = error.issues;
  const why = `${issue?.path.join('.')}: ${issue?.message}`;
  return `the row ${JSON.stringify(name)} of OVSDB's table ${table} is not understood and left out: ${why}`;
}
