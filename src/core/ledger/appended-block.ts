// A block as its writer hands it out: what most callers never look at is read back only when they do.
import type { Json } from '../lib/json.ts';
import type { HashedBlock } from './block.ts';
import type { Category, Producer } from './categories.ts';
import type { Head } from './head.ts';
import type { Draft } from './line.ts';

/**
 * `data` and `metadata` are read back from the text, so that what listeners see is what the file says, whatever became of the
 * caller's objects. That took a quarter of an append; nearly all who append want the height alone.
 */
export class AppendedBlock implements HashedBlock {
  readonly action: string;
  readonly boot_id: string;
  readonly category: Category;
  readonly cause: number | null;
  readonly height: number;
  readonly hostname: string;
  readonly pid: number;
  readonly prev_hash: string;
  readonly producer: Producer;
  readonly timestamp: string;
  readonly user: string;
  readonly version = 1;
  readonly hash: string;
  readonly #draft: Draft;
  #data: Json | undefined;
  #metadata: Record<string, string> | undefined;

  constructor(draft: Draft, before: Head, hash: string) {
    this.action = draft.action;
    this.boot_id = draft.boot_id;
    this.category = draft.category;
    this.cause = draft.cause;
    this.height = before.height + 1;
    this.hostname = draft.hostname;
    this.pid = draft.pid;
    this.prev_hash = before.hash;
    this.producer = draft.producer;
    this.timestamp = draft.timestamp;
    this.user = draft.user;
    this.hash = hash;
    this.#draft = draft;
  }

  get data(): Json {
    this.#data ??= JSON.parse(this.#draft.dataText) as Json;
    return this.#data;
  }

  get metadata(): Record<string, string> {
    this.#metadata ??= JSON.parse(this.#draft.metadataText) as Record<string, string>;
    return this.#metadata;
  }

  /** All fields, in the order of the file's. */
  toJSON(): HashedBlock {
    const { action, boot_id, category, cause, data, height, hostname, metadata, pid } = this;
    const { prev_hash, producer, timestamp, user, version, hash } = this;
    return {
      ...{ action, boot_id, category, cause, data, height, hostname, metadata, pid },
      ...{ prev_hash, producer, timestamp, user, version, hash },
    };
  }
}
