// Promises about VMIDs and the port names made from them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isVmid,
  NIC_INDEX_MAX,
  parsePortName,
  portName,
  VMID_MAX,
  VMID_MIN,
  vmidFromText,
  vmidSchema,
} from '../../../../src/core/guest/vmid.ts';

const vmids = fc.integer({ min: VMID_MIN, max: VMID_MAX });
const nics = fc.integer({ min: 0, max: NIC_INDEX_MAX });

describe('a VMID', () => {
  it.each([100, 101, 1_000_000, 999_999_999])('may be %s', (vmid) => {
    expect(vmidSchema.parse(vmid)).toBe(vmid);
    expect(isVmid(vmid)).toBe(true);
  });

  it.each([0, 99, -1, 1e9, 2 ** 32, 100.5, Number.NaN, Number.POSITIVE_INFINITY, '100', null, {}, undefined])(
    'may not be %s, and the message says so',
    (value) => {
      const result = vmidSchema.safeParse(value);
      expect(isVmid(value)).toBe(false);
      expect(result.error?.issues[0]?.message).toMatch(
        /^a VMID is a whole number from 100 to 999999999, not /,
      );
    },
  );

  it.each(['0100', '+100', ' 100', '100\n', '1e3', '99', '1000000000', '', '१००'])(
    'is not the text %j',
    (text) => {
      expect(vmidFromText(text)).toBeUndefined();
    },
  );
});

describe('a port name', () => {
  it('is vi<VMID> for the first card and vi<VMID>i<n> for the others', () => {
    expect(portName(100)).toBe('vi100');
    expect(portName(100, 1)).toBe('vi100i1');
  });

  it('fits the kernel and says its VMID and card again', () => {
    fc.assert(
      fc.property(vmids, nics, (vmid, nic) => {
        const name = portName(vmid, nic);
        expect(name.length).toBeLessThanOrEqual(15);
        expect(parsePortName(name)).toEqual({ vmid, nic });
      }),
    );
  });

  it.each([
    'vi99',
    'vi0100',
    'vi100i0',
    'vi100i01',
    'vi100i',
    'vi100\n',
    'xvi100',
    'vi1000000000',
    'vi100i1000',
    'vi',
  ])('is not %j', (name) => {
    expect(parsePortName(name)).toBeUndefined();
  });

  it('is not made for what is no VMID or no card', () => {
    expect(() => portName(99)).toThrow(/a VMID is/);
    expect(() => portName(100, -1)).toThrow(/a NIC index is/);
    expect(() => portName(100, 1000)).toThrow(/a NIC index is/);
  });
});
