// Promises about device names, above all about those a caller should not get away with.
import { describe, expect, it } from 'vitest';
import { parseGuestInterface } from '../../../../src/core/guest/interface-name.ts';
import { bridgeNameSchema, interfaceNameSchema } from '../../../../src/core/lib/device-name-schemas.ts';

describe('a name that the kernel takes', () => {
  it.each(['eth0', 'veth100i0', 'v', 'a.b-c_d', 'tap999999999i31', 'vethABCDEF'])(
    '%s is accepted',
    (name) => {
      expect(interfaceNameSchema.parse(name)).toBe(name);
    },
  );
});

describe('a name that it does not take', () => {
  it.each([
    ['', 'must not be empty'],
    ['../etc', 'must not contain "/"'],
    ['.', 'must not be "."'],
    ['..', 'must not be ".."'],
    ['a b', 'must not contain spaces or line breaks'],
    ['a\nb', 'must not contain spaces or line breaks'],
    ['eth0\n', 'must not contain spaces or line breaks'],
    ['eth0:1', 'must not contain ":"'],
    ['sixteen-letters-', 'at most 15 characters'],
    ['x'.repeat(300), 'has 300'],
    ['äther', 'must be printable ASCII'],
    ['a\0b', 'must be printable ASCII'],
    ['\u001b[31m', 'must be printable ASCII'],
    ['-rf', 'must not start with "-"'],
    ['all', 'the kernel reserves it'],
    ['default', 'the kernel reserves it'],
  ])('%j: %s', (name, message) => {
    const result = interfaceNameSchema.safeParse(name);
    expect(result.error?.issues[0]?.message).toContain(message);
    expect(result.error?.issues[0]?.message).not.toMatch(/\p{Cc}/u);
    expect(result.error?.issues[0]?.message.length).toBeLessThan(140);
    expect(bridgeNameSchema.safeParse(name).success).toBe(false);
  });

  it.each([null, 7, {}, undefined])('%s is no text', (name) => {
    expect(interfaceNameSchema.safeParse(name).error?.issues[0]?.message).toBe(
      'an interface name must be a text',
    );
  });

  it.each(['vi100', 'vi100i1', 'ovs-system', 'ovs-netdev'])('%s is no bridge', (name) => {
    expect(bridgeNameSchema.safeParse(name).success).toBe(false);
    expect(interfaceNameSchema.safeParse(name).success).toBe(true);
  });
});

describe('the device of a Proxmox guest', () => {
  it.each([
    ['tap100i0', { vmid: 100, nic: 0, role: 'tap' }],
    ['tap999999999i31', { vmid: 999_999_999, nic: 31, role: 'tap' }],
    ['veth200i1', { vmid: 200, nic: 1, role: 'veth' }],
    ['veth200i1p', { vmid: 200, nic: 1, role: 'veth-peer' }],
    ['fwbr100i0', { vmid: 100, nic: 0, role: 'fwbr' }],
    ['fwln100i0', { vmid: 100, nic: 0, role: 'fwln' }],
    ['fwln100o0', { vmid: 100, nic: 0, role: 'fwln-ovs' }],
    ['fwpr100p0', { vmid: 100, nic: 0, role: 'fwpr' }],
  ])('%s says whose it is', (name, expected) => {
    expect(parseGuestInterface(name)).toEqual(expected);
  });

  it.each([
    'tap0',
    'tap99i0',
    'tap0100i0',
    'tap100i00',
    'veth100i0x',
    'vethA1B2C3',
    'fwbr100o0',
    'tap100i0\n',
    'eth0',
    '',
  ])('%j is nobody’s', (name) => {
    expect(parseGuestInterface(name)).toBeUndefined();
  });
});
