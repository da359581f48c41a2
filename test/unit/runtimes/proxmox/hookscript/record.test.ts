// Promises about the record of a former hookscript: what is read is what was written, or it is damaged.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatRecord,
  isFormer,
  parseRecord,
} from '../../../../../src/runtimes/proxmox/hookscript/record.ts';

const HEAD = 'ovs-port-agent hookscript 1';
const MARKED = 'ovs-port-agent hookscript 2';

describe('a record', () => {
  it('is four lines', () => {
    const former = { volume: 'local:snippets/a b', path: '/srv/ü/a b' };
    expect(formatRecord({ state: 'enrolled', former })).toBe(
      `${HEAD}\nenrolled\nlocal:snippets/a b\n/srv/ü/a b\n`,
    );
    expect(formatRecord({ state: 'unenrolled' })).toBe(`${HEAD}\nunenrolled\n-\n-\n`);
  });

  it('has a fifth line with what the guest is told by', () => {
    const marks = ['mac=bc:24:11:00:00:01', 'mac=bc:24:11:00:00:02'];
    const text = `${MARKED}\nenrolled\n-\n-\n${marks.join(' ')}\n`;
    expect(formatRecord({ state: 'enrolled', marks })).toBe(text);
    expect(parseRecord(text)).toEqual({ state: 'enrolled', marks });
    const none = `${MARKED}\nenrolled\n-\n-\n-\n`;
    expect(formatRecord({ state: 'enrolled', marks: [] })).toBe(none);
    expect(parseRecord(none)).toEqual({ state: 'enrolled', marks: [] });
  });

  it('is read as it was written, for every hookscript that may be written', () => {
    const unit = fc.constantFrom(...'abcü0-_. $"\'\\');
    const name = fc.string({ unit, minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(name, fc.array(name, { minLength: 1 }), (file, parts) => {
        const former = { volume: `local:snippets/${file}`, path: `/${parts.join('/')}` };
        fc.pre(isFormer(former));
        expect(parseRecord(formatRecord({ state: 'enrolled', former }))).toEqual({
          state: 'enrolled',
          former,
        });
      }),
    );
  });

  it('of anything else is damaged', () => {
    const unit = fc.constantFrom(...'\0\n\r /-ab:', 'enrolled', 'snippets/', HEAD);
    fc.assert(
      fc.property(fc.string({ unit }), (text) => {
        expect(parseRecord(text)).toBe('damaged');
        // Two of these lines may be a record.
        fc.pre(text.split('\n').length !== 3);
        expect(parseRecord(`${HEAD}\nenrolled\n${text}`)).toBe('damaged');
      }),
    );
  });

  it.each([
    `${HEAD}\nenrolled\n-\n-`,
    `${HEAD}\nenrolled\n-\n-\n-\n`,
    `${HEAD}\r\nenrolled\n-\n-\n`,
    `${HEAD}\nenrolled\nlocal:snippets/x\n-\n`,
    `${HEAD}\nenrolled\n-\n/bin/x\n`,
    `${HEAD}\nenrolled\nlocal:snippets/x\nbin/x\n`,
    `${HEAD}\nenrolled\nlocal:snippets/x\n/bin/../x\n`,
    `${HEAD}\nenrolled\nlocal:iso/x\n/bin/x\n`,
    `${HEAD}\nenrolled\n--delete:snippets/x\n/bin/x\n`,
    `${HEAD}\nenrolled\nlocal:snippets/../x\n/bin/x\n`,
    `${HEAD}\nenrolled\nlocal:snippets/x\u001b[2J\n/bin/x\n`,
    `${MARKED}\nenrolled\n-\n-\n`,
    `${MARKED}\nenrolled\n-\n-\n\n`,
    `${MARKED}\nenrolled\n-\n-\n--\n`,
    `${MARKED}\nenrolled\n-\n-\nmac=BC:24:11:00:00:01\n`,
    `${MARKED}\nenrolled\n-\n-\nmac=bc:24:11:00:00:01 \n`,
    `ovs-port-agent hookscript 3\nenrolled\n-\n-\n-\n`,
    '',
  ])('of %j is damaged', (text) => {
    expect(parseRecord(text)).toBe('damaged');
  });
});
