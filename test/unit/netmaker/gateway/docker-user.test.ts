// Our rules in DOCKER-USER, as `iptables -S` (1.8.11) writes them.

import { expect, it } from 'vitest';
import {
  dockerUserArguments,
  dockerUserRulesFor,
  sameRule,
} from '../../../../src/netmaker/gateway/docker-user.ts';

const LISTED = [
  '-s 203.0.113.0/24 -i ovsbr1 -o uplink0 -m comment --comment ovs-port-agent -j ACCEPT',
  '-d 203.0.113.0/24 -i uplink0 -o ovsbr1 -m comment --comment ovs-port-agent -j ACCEPT',
  '-s 203.0.113.0/24 -i ovsbr1 -o ovsbr1 -m comment --comment ovs-port-agent -j ACCEPT',
].map((line) => sameRule(line.split(' ')));

it('are known again in the order that iptables writes them in', () => {
  const ours = dockerUserRulesFor(4, '203.0.113.0/24', 'ovsbr1', 'uplink0').map(dockerUserArguments);
  expect(ours.map(sameRule)).toEqual(LISTED);
});

it.each([
  [
    'one that is for less',
    '-s 203.0.113.0/24 -i ovsbr1 -o uplink0 -p tcp -m comment --comment ovs-port-agent -j ACCEPT',
  ],
  [
    'one that is for all but it',
    '! -s 203.0.113.0/24 -i ovsbr1 -o uplink0 -m comment --comment ovs-port-agent -j ACCEPT',
  ],
  ['one that drops', '-s 203.0.113.0/24 -i ovsbr1 -o uplink0 -m comment --comment ovs-port-agent -j DROP'],
  [
    'one of another pool',
    '-s 203.0.113.0/25 -i ovsbr1 -o uplink0 -m comment --comment ovs-port-agent -j ACCEPT',
  ],
  ["somebody else's", '-s 203.0.113.0/24 -i ovsbr1 -o uplink0 -j ACCEPT'],
  ['the chain itself', '-N DOCKER-USER'],
])('are not mixed up with %s', (_, line) => {
  expect(LISTED).not.toContain(sameRule(line.split(' ')));
});
