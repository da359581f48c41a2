// A port with the port security that its flows are made from.
import { z } from 'zod';
import { parseIp } from '../../core/lib/cidr.ts';
import { AgentError } from '../../core/lib/errors.ts';
import type { PortSecurity } from '../../core/plan/port-security.ts';

export interface SecuredPort {
  bridge: string;
  vmid: number;
  /** OpenFlow port number. */
  ofport: number;
  portSecurity: PortSecurity;
  /** OpenFlow port of the uplink that is in the bridge (mode `l2`); undefined where the host forwards. */
  uplink?: number;
}

/** OFPP_MAX of OpenFlow 1.0, which is the most that Open vSwitch gives. */
const ofportSchema = z.int().min(1).max(0xfeff);
const unicastMac = z
  .string()
  .regex(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/)
  .refine((mac) => mac !== '00:00:00:00:00:00');
const portSchema = z.object({
  bridge: z.string().regex(/^[^\s/-][^\s/]{0,254}$/),
  vmid: z.int().min(1).max(0xffffffff),
  ofport: ofportSchema,
  uplink: ofportSchema.optional(),
  guard: z.object({
    mac: unicastMac,
    addresses: z.array(z.string().refine((text) => parseIp(text)?.text === text)),
    isolate: z.boolean(),
    allowIn: z.array(z.string()),
    rateIn: z.int().min(1).max(0xffffffff).optional(),
    rateOut: z.int().min(1).max(0xffffffff).optional(),
  }),
});

/** Every part ends up in the text of a flow: throws `bad-argument` for what could be read as something else there. */
export function checkedPort(port: SecuredPort): SecuredPort {
  const checked = portSchema.safeParse({ ...port, guard: port.portSecurity });
  if (checked.success) return port;
  const [issue] = checked.error.issues;
  const where = issue?.path.join('.') ?? 'port';
  throw new AgentError(
    'bad-argument',
    `No flows can be made for VMID ${port.vmid}: ${where} cannot be used`,
    {
      cause: checked.error,
    },
  );
}

export function addressesOf({ addresses }: PortSecurity, family: 4 | 6): string[] {
  return addresses.filter((address) => address.includes(':') === (family === 6));
}

/** The link-local address that a NIC with this MAC gives itself, RFC 4291 appendix A, canonical. */
export function linkLocalOf(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac
    .split(':')
    .map((octet) => Number.parseInt(octet, 16));
  const groups = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  return parseIp(`fe80:0:0:0:${groups.map((group) => group.toString(16)).join(':')}`)?.text ?? '';
}
