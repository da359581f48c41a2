import { describe, expect, it } from 'vitest';
import { examine } from '../../../../src/diagnose/doctor/examine.ts';
import type { DoctorFacts } from '../../../../src/diagnose/doctor/facts.ts';
import { guest, healthy, link, looks, no, port, tree, WEB1, yes } from './healthy.ts';
import { brokenChain, declared, nm, ports, proxmox } from './variants.ts';

const failed = (facts: DoctorFacts) =>
  examine(facts).filter(({ state }) => state === 'fail' || state === 'warn');

describe('a host on which all is well', () => {
  it('has no finding but what passed', () => {
    expect(failed(healthy())).toEqual([]);
    expect(examine(healthy()).length).toBeGreaterThan(15);
  });

  it('may be without Proxmox, LXC, Docker and NetworkManager', () => {
    const facts = healthy({
      proxmox: { tree: { state: 'absent' }, snippet: 'missing', storage: no('absent') },
      ...looks({
        lxc: { installed: false, dropIn: false, hook: 'missing' },
        docker: { installed: false, engine: no('Docker: /var/run/docker.sock does not exist') },
      }),
      networkManager: yes({
        state: { running: false, silent: false, ovs: false, version: '', starting: false },
        profiles: yes([]),
      }),
    });
    expect(failed(facts)).toEqual([]);
    const skipped = examine(facts).filter(({ state }) => state === 'skip');
    expect(skipped.map(({ group }) => group)).toEqual(['NetworkManager', 'Proxmox', 'LXC', 'Docker']);
  });
});

describe('doctor passes', () => {
  const passes: [string, DoctorFacts][] = [
    [
      'the release candidate and later of a fixed NetworkManager',
      healthy({ networkManager: nm({ version: '1.54.2' }) }),
    ],
    [
      'a Proxmox port that keeps its name and carries ours as an alias',
      healthy({
        ...ports(port({ row: 'tap101i0' })),
        ...declared('iface ovsbr0 inet manual\n ovs_type OVSBridge\n ovs_ports eno1\n'),
      }),
    ],
    [
      'ports that the condone regex spares',
      healthy(
        declared(
          'iface ovsbr0 inet manual\n ovs_type OVSBridge\n ovs_ports eno1\n ovs-ports-condone-regex ^(tap|vi)\n',
        ),
      ),
    ],
    [
      'a bridge stanza without ovs_ports',
      healthy(declared('iface ovsbr0 inet manual\n ovs_type OVSBridge\n')),
    ],
    [
      'a guest on a Linux bridge without hookscript',
      healthy(proxmox({ tree: tree(guest(101, WEB1), guest(102, 'net0: virtio,bridge=vmbr0\n')) })),
    ],
    [
      'a template',
      healthy(
        proxmox({ tree: tree(guest(101, WEB1), guest(102, 'template: 1\nnet0: virtio,bridge=ovsbr0\n')) }),
      ),
    ],
    [
      'a torn last line',
      healthy({ ledger: yes({ path: '/l', result: { ...brokenChain, verdict: 'torn-tail' as const } }) }),
    ],
  ];
  it.each(passes)('%s', (_, facts) => {
    expect(failed(facts)).toEqual([]);
  });

  it('what a ledger lacks that was put back, by the agent alone where it runs', () => {
    const fault = { height: 5, reason: 'lost' as const, expected: 'the 5 blocks', actual: 'a later epoch' };
    const facts = healthy({ ledger: yes({ path: '/l', result: { ...brokenChain, verdict: 'gap', fault } }) });
    const told = { name: '', fault: 'ledger-epoch', text: 'it goes on', remedy: 'Look', degraded: false };
    const wrong = (health: (typeof told)[]) =>
      examine({ ...facts, agent: yes({ ready: true, waiting: [], health }) })
        .filter(({ state }) => state !== 'pass' && state !== 'skip')
        .map(({ check }) => check);
    expect(wrong([])).toEqual(['chain']);
    expect(wrong([told])).toEqual(['health']);
  });

  it("what is worth knowing of Proxmox's firewall", () => {
    const facts = healthy(
      proxmox({
        tree: tree(
          guest(101, WEB1),
          guest(102, `${WEB1.replace('bridge=ovsbr0', 'bridge=ovsbr0,firewall=1')}`),
        ),
      }),
    );
    const seen = { ...facts, links: new Map([...facts.links, ['fwln102o0', link()]]) };
    expect(examine(seen).find(({ check }) => check === 'firewall 102')).toMatchObject({
      state: 'pass',
      text: expect.stringContaining('fwln102o0'),
    });
  });
});
