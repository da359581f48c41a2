// A guarded port for the tests of its flows.

import type { PortSecurity } from '../../../../src/core/plan/port-security.ts';
import type { SecuredPort } from '../../../../src/netmaker/port-security/port.ts';

export function guardedPort(
  portSecurity: Partial<PortSecurity> = {},
  port: Partial<SecuredPort> = {},
): SecuredPort {
  const own = {
    mac: '0a:00:00:00:00:07',
    addresses: ['203.0.113.7', '2001:db8::7'],
    isolate: false,
    allowIn: ['443/udp'],
  };
  return { bridge: 'ovsbr1', vmid: 1000007, ofport: 7, portSecurity: { ...own, ...portSecurity }, ...port };
}
