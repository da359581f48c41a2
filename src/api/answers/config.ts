// What `Reload` answers. Descriptions are the tables of docs/dbus.md.

import { z } from 'zod';

const changesSchema = z.array(
  z.looseObject({
    key: z.string().describe('name of the key, such as `docker.attach`'),
    from: z.unknown().describe('the value until now'),
    to: z.unknown().describe('the value in the file'),
  }),
);

export const reloadSchema = z.looseObject({
  taken: changesSchema.describe('the keys that are in force from now on'),
  restart: changesSchema.describe('the keys that wait for a restart of the agent'),
  warnings: z.array(z.string()).default([]).describe('what is doubtful in the file, one line each'),
});
