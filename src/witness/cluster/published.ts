// The files that a node of a cluster shows to the others, and how they are read: whoever is root on any node can write them all.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isErrno } from '../../core/lib/errors.ts';
import { nodeTreeFs } from '../../core/lib/tree-fs.ts';

/** Below `/etc/pve`, which pmxcfs gives to every node. */
export const sharedFolder = (root: string): string => join(root, 'ovs-port-agent', 'ledger');

/** pmxcfs takes no more than 1 MiB in one file; none of ours has a tenth of it. */
const MAX_BYTES = 128 * 1024;
/** More nodes than a cluster has. */
const MAX_NODES = 128;

const size = z.int().min(0);
const hash = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);

/** What a node shows of its own ledger, beside the checkpoint itself. */
const proofsSchema = z.object({
  version: z.literal(1),
  /** The ledger's public key. */
  key: z.string().max(512),
  /** Which checkpoint the proofs lead to. */
  size,
  /** From what other nodes have seen. */
  from: z.array(z.object({ size, hashes: z.array(hash).max(63) })).max(MAX_NODES),
});

/** What a node has cosigned of the others'. */
const cosignedSchema = z.object({
  version: z.literal(1),
  /** The public key it cosigns with. */
  key: z.string().max(512),
  /** Checkpoints with its cosignature under them. */
  notes: z.array(z.string().max(16 * 1024)).max(MAX_NODES),
});

export type Proofs = z.infer<typeof proofsSchema>;
export type CosignedNotes = z.infer<typeof cosignedSchema>;

/** What another node shows; undefined what it does not show, or what cannot be understood. */
export interface Published {
  readonly node: string;
  readonly checkpoint: string | undefined;
  readonly proofs: Proofs | undefined;
  readonly cosigned: CosignedNotes | undefined;
}

export const KINDS = ['checkpoint', 'proofs', 'cosigned'] as const;
export type Kind = (typeof KINDS)[number];

/** A node's name is a host name's first part (pve-cluster); anything else is no file of ours. */
const FILE = /^([A-Za-z0-9](?:[A-Za-z0-9-]{0,62}))\.(checkpoint|proofs|cosigned)$/;

export const fileOf = (folder: string, node: string, kind: Kind): string => join(folder, `${node}.${kind}`);

export const isNodeName = (name: string): boolean => FILE.test(`${name}.proofs`);

/** Empty where nobody has shown anything. Throws the system's error when it cannot be known. */
export async function readPublished(folder: string, self: string): Promise<Published[]> {
  const names = await readdir(folder).catch(async (error: unknown) => {
    if (!isErrno(error, 'ENOENT')) throw error;
    // Without the file system itself nothing is known.
    await stat(join(folder, '..', '..'));
    return [];
  });
  const nodes = new Set(names.flatMap((name) => FILE.exec(name)?.[1] ?? []));
  nodes.delete(self);
  return Promise.all(
    [...nodes]
      .sort()
      .slice(0, MAX_NODES)
      .map((node) => readNode(folder, node)),
  );
}

async function readNode(folder: string, node: string): Promise<Published> {
  const read = (kind: Kind) => nodeTreeFs.read(fileOf(folder, node, kind), MAX_BYTES).catch(() => undefined);
  const [checkpoint, proofs, cosigned] = await Promise.all(KINDS.map(read));
  return {
    node,
    checkpoint,
    proofs: parsed(proofsSchema, proofs),
    cosigned: parsed(cosignedSchema, cosigned),
  };
}

function parsed<T>(schema: z.ZodType<T>, text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
