// Adds, finds, reads and deletes NetworkManager's connection profiles.

import { z } from 'zod';
import { type Bus, busErrorType } from '../bus/bus.ts';
import { isAgentError } from '../lib/errors.ts';
import { isGone } from './answering.ts';
import { type Call, CHANGE_MS } from './calls.ts';
import { ABSENT_ERRORS, BLOCK_AUTOCONNECT, CONNECTION, IN_MEMORY, SETTINGS, SETTINGS_PATH } from './names.ts';
import type { Profile, Typed } from './profile.ts';

/** A profile as GetSettings shows it, as far as we look. */
export interface StoredProfile {
  path: string;
  uuid: string;
  type: string;
  interfaceName: string;
  user: Readonly<Record<string, string>>;
}

const settingsSchema = z.tuple([
  z.object({
    connection: z.object({
      uuid: z.string(),
      type: z.string(),
      'interface-name': z.string().optional(),
    }),
    user: z.object({ data: z.record(z.string(), z.string()).optional() }).optional(),
  }),
]);
const pathReply = z.tuple([z.string()]).rest(z.unknown());
const pathsReply = z.tuple([z.array(z.string())]);

const isAbsent = (error: unknown) => ABSENT_ERRORS.includes(busErrorType(error) ?? '');

/** @param onUnreadable told, once each, of profiles that cannot be made out; they are left out */
export class StoredProfiles {
  readonly #call: Call;
  readonly #variant: Bus['variant'];
  readonly #onUnreadable: (problem: string) => void;
  readonly #cache = new Map<string, StoredProfile>();
  readonly #odd = new Set<string>();

  constructor(call: Call, { variant }: Pick<Bus, 'variant'>, onUnreadable: (problem: string) => void) {
    this.#call = call;
    this.#variant = variant;
    this.#onUnreadable = onUnreadable;
  }

  /** The profile at this path has gone or is another now. */
  forget(path: string): void {
    this.#cache.delete(path);
  }

  forgetAll(): void {
    this.#cache.clear();
  }

  async path(uuid: string): Promise<string | undefined> {
    try {
      const reply = await this.#call(SETTINGS_PATH, SETTINGS, 'GetConnectionByUuid', 's', [uuid]);
      return pathReply.parse(reply)[0];
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  async add(profile: Profile): Promise<string> {
    try {
      return await this.#addNew(profile);
    } catch (error) {
      const uuid = profile['connection']?.['uuid']?.value;
      if (isAgentError(error, 'networkmanager-unavailable')) throw error;
      const stale = typeof uuid === 'string' ? await this.path(uuid) : undefined;
      if (stale === undefined) throw error;
      await this.#removeAt(stale);
      return this.#addNew(profile);
    }
  }

  async delete(uuid: string): Promise<boolean> {
    const path = await this.path(uuid);
    if (path === undefined) return false;
    try {
      await this.#removeAt(path);
    } catch (error) {
      // Somebody else was quicker: the outcome is what was asked for.
      if ((await this.path(uuid)) !== undefined) throw error;
    }
    return true;
  }

  async all(): Promise<StoredProfile[]> {
    const reply = await this.#call(SETTINGS_PATH, SETTINGS, 'ListConnections').catch((error: unknown) => {
      if (isGone(error)) return undefined;
      throw error;
    });
    if (reply === undefined) return [];
    const [paths] = pathsReply.parse(reply);
    const found = await Promise.all(paths.map((path) => this.#cache.get(path) ?? this.#read(path)));
    return found.filter((profile) => profile !== undefined);
  }

  async #read(path: string): Promise<StoredProfile | undefined> {
    let reply: unknown;
    try {
      reply = await this.#call(path, CONNECTION, 'GetSettings');
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
    const read = settingsSchema.safeParse(reply);
    if (!read.success) {
      const [issue] = read.error.issues;
      if (!this.#odd.has(path)) {
        this.#onUnreadable(`the profile ${path}: ${issue?.path.slice(1).join('.')}: ${issue?.message}`);
      }
      this.#odd.add(path);
      return undefined;
    }
    this.#odd.delete(path);
    const [{ connection, user }] = read.data;
    const profile: StoredProfile = {
      path,
      uuid: connection.uuid,
      type: connection.type,
      interfaceName: connection['interface-name'] ?? '',
      user: user?.data ?? {},
    };
    this.#cache.set(path, profile);
    return profile;
  }

  async #addNew(profile: Profile): Promise<string> {
    const settings = mapValues(profile, (section) => mapValues(section, (typed) => this.#encode(typed)));
    const body = [settings, IN_MEMORY | BLOCK_AUTOCONNECT, {}];
    const signature = 'a{sa{sv}}ua{sv}';
    const reply = await this.#call(SETTINGS_PATH, SETTINGS, 'AddConnection2', signature, body, CHANGE_MS);
    return pathReply.parse(reply)[0];
  }

  async #removeAt(path: string): Promise<void> {
    try {
      await this.#call(path, CONNECTION, 'Delete', '', [], CHANGE_MS);
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }

  #encode(typed: Typed): unknown {
    if (typed.signature !== 'aa{sv}') return this.#variant(typed.signature, typed.value);
    const dicts = typed.value as readonly Record<string, Typed>[];
    return this.#variant(
      typed.signature,
      dicts.map((dict) => mapValues(dict, (value) => this.#encode(value))),
    );
  }
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
