// The host itself: who asks, Node, the configuration file, the system bus.

import { type Finding, findingsOf, reinstall } from '../../core/lib/finding.ts';
import type { DoctorFacts } from './facts.ts';

const { pass, warn, fail } = findingsOf('Host');

/** The oldest Node that the bundles run on. */
const NODE_MIN = [18, 19] as const;

export function checkHost(facts: DoctorFacts): Finding[] {
  return [root(facts), node(facts), ...config(facts), bus(facts)];
}

function root({ isRoot }: DoctorFacts): Finding {
  if (isRoot) return pass('root', 'running as root');
  return fail('root', 'not running as root: much of what follows cannot be seen', {
    remedy: 'sudo ovs-port-agent doctor',
  });
}

function node({ node: version }: DoctorFacts): Finding {
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(version) ?? [];
  const [wantMajor, wantMinor] = NODE_MIN;
  const isEnough = Number(major) > wantMajor || (Number(major) === wantMajor && Number(minor) >= wantMinor);
  if (isEnough) return pass('node', `Node ${version.slice(1)}`);
  return fail('node', `Node ${version.slice(1)} is too old`, {
    remedy: `Install Node ${NODE_MIN.join('.')} or newer: apt install nodejs`,
  });
}

function config({ config: found }: DoctorFacts): Finding[] {
  if (!found.ok) return [fail('config', found.reason, { code: found.code ?? 'bad-config' })];
  const { path, found: isThere, warnings } = found.value;
  const text = isThere ? `${path} is valid` : `${path} is absent: the defaults are in force`;
  return [
    pass('config', text),
    ...warnings.map((warning) =>
      warn('config', warning, { remedy: `Take the key out of ${path}: it has no effect` }),
    ),
  ];
}

function bus({ bus: answer, hasBusPolicy, version }: DoctorFacts): Finding {
  if (!answer.ok) return fail('bus', answer.reason, { code: 'bus-unreachable' });
  if (hasBusPolicy) return pass('bus', 'the system bus answers, and lets the agent have its name');
  const where = '/usr/share/dbus-1/system.d/dev.ovs.PortAgent1.conf';
  const text = `the system bus answers, but ${where} is missing: the agent gets no name`;
  return fail('bus', text, { remedy: reinstall(version) });
}
