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

export interface Replica {
  apply(update: unknown): RowChange[];
  rows<T extends TableName>(table: T): ReadonlyMap<string, Row<T>>;
  clear(): void;
}

const isTable = (name: string): name is TableName => name in rowSchemas;

/** An empty replica; `apply` takes the `monitor` reply and every `update` after it. Throws ZodError. */
export function emptyReplica(): Replica {
  const tables = new Map<TableName, Map<string, Row<TableName>>>(
    (Object.keys(MONITORED) as TableName[]).map((table) => [table, new Map()]),
  );
  const rowsOf = (table: TableName) => tables.get(table) ?? new Map<string, Row<TableName>>();

  return {
    apply(update) {
      const changes: RowChange[] = [];
      for (const [table, rows] of Object.entries(updateSchema.parse(update))) {
        if (!isTable(table)) continue;
        for (const [uuid, change] of Object.entries(rows)) {
          const before = rowsOf(table).get(uuid);
          if (change.new === undefined) rowsOf(table).delete(uuid);
          else rowsOf(table).set(uuid, { ...rowSchemas[table].parse(change.new), uuid } as Row<TableName>);
          changes.push({ table, uuid, before, after: rowsOf(table).get(uuid) });
        }
      }
      return changes;
    },
    rows: <T extends TableName>(table: T) => rowsOf(table) as unknown as ReadonlyMap<string, Row<T>>,
    clear() {
      for (const rows of tables.values()) rows.clear();
    },
  };
}
