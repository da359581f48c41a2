// What others may ask of a runtime, and that none of them tests for one by its name.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  factsOfGuest,
  GUEST_RUNTIMES,
  NUMBERED_RUNTIMES,
  runtimeNameOf,
  startCommand,
} from '../../../../src/core/guest/runtimes.ts';

describe('the facts of a runtime', () => {
  it('are found by the word that a guest carries', () => {
    expect(GUEST_RUNTIMES.map(runtimeNameOf)).toEqual(['proxmox', 'proxmox', 'lxc', 'docker', 'manual']);
    expect(factsOfGuest('proxmox-lxc').looksForDeviceName).toBe(true);
    expect(factsOfGuest('lxc').looksForDeviceName).toBe(false);
  });

  it.each(['', 'proxmox', 'proxmox-', 'toString', 'podman'])(
    'are none for %j, which no guest carries',
    (word) => {
      expect(runtimeNameOf(word)).toBeUndefined();
      expect(factsOfGuest(word)).toBeUndefined();
      expect(startCommand(word, 101)).toBeUndefined();
    },
  );

  it('say which command starts a guest', () => {
    expect(startCommand('proxmox-qemu', 101)).toBe('qm start 101');
    expect(startCommand('proxmox-lxc', 101)).toBe('pct start 101');
    expect(startCommand('docker', 101)).toBeUndefined();
  });

  it('say whose guests get a number, in the order of the alphabet', () => {
    expect(NUMBERED_RUNTIMES).toEqual(['docker', 'lxc']);
  });
});

describe('no room below or beside the runtimes', () => {
  const src = join(import.meta.dirname, '../../../../src');
  const rooms = ['core', 'state', 'reconcile', 'ifupdown', 'api', 'netmaker'];
  const files = rooms.flatMap((room) =>
    readdirSync(join(src, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(room, name)),
  );
  const test =
    /\b(?:runtime|source)\b[^\n]{0,20}(?:[!=]== '(?:proxmox|lxc|docker|manual)|startsWith\('proxmox)/;

  it('asks which runtime a guest is of, instead of what is so about it', () => {
    expect(files.length).toBeGreaterThan(150);
    const found = files.filter((file) => test.test(readFileSync(join(src, file), 'utf8')));
    // One operation of the D-Bus service is about Proxmox by its name.
    expect(found).toEqual(['api/introspect/operations.ts']);
  });
});
