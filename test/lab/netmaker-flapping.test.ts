// A container that deletes its own card again and again: what it causes has a bound, and nobody else waits for it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { type MeshHost, upMeshHost } from './netmaker-host.ts';

const HOSTILE = 'netclient-hostile';
const [GATEWAY, ADDRESS, NOBODY] = ['203.0.113.1', '203.0.113.2', '203.0.113.99'];

/** One loss before: at once twice, then after 1, 2, 4 and 8 s. */
const MADE_ANEW = 6;
/** From the loss of a card to its address being told to the neighbours: half as many are usual. */
const BLOCKS_EACH = 24;

let host: MeshHost;

beforeAll(async () => {
  host = await upMeshHost('flapping', { suite: 'trixie' });
  await host.start(HOSTILE);
});

afterAll(() => host?.down());

const spoofed = async () => (await host.report(HOSTILE)).spoofed?.arp ?? 0;
/** Blocks since the ledger had so many. */
const blocksSince = async (height: number) => (await host.ledger()).slice(height);
const heightNow = async () => (await host.ledger()).length;

it('a container that deletes its card once has it back at once, and is still told to have lied', async () => {
  await host.inside(HOSTILE, 'spoof', 'ovs0', 'arp', '--source', GATEWAY, '--to', NOBODY, '--count', '5');
  await eventually(spoofed, (count) => expect(count).toBe(5));
  const height = await heightNow();
  await host.inside(HOSTILE, 'ip', 'link', 'delete', 'ovs0');
  const blocks = await eventually(
    () => blocksSince(height),
    (seen) => expect(seen.map(({ action }) => action)).toContain('address_announced'),
  );
  expect(blocks.map(({ action }) => action)).not.toContain('port_held');
  expect(await host.addresses(HOSTILE)).toEqual([ADDRESS]);
  expect(await spoofed()).toBe(5);
});

describe('a container that deletes its card in a loop', () => {
  let height: number;
  const held = async () => (await blocksSince(height)).filter(({ action }) => action === 'port_held');
  const made = async () =>
    (await blocksSince(height)).filter(
      ({ action, data }) => action === 'interface_create' && data.guest === HOSTILE,
    ).length;

  beforeAll(async () => {
    height = await heightNow();
    const loop = 'while :; do ip link delete ovs0 2>/dev/null; sleep 0.1; done';
    await host.service('deleting', { container: HOSTILE }, `sh -c '${loop}'`);
    await eventually(held, (blocks) => expect(blocks).toHaveLength(1));
  });

  it('is told once in the ledger, and by everything that tells of troubles', async () => {
    const [block] = await held();
    expect(block?.data).toMatchObject({ code: 'card-vanishing' });
    const { port } = await eventually(
      () => host.report(HOSTILE),
      (report) => {
        expect(report).toMatchObject({ decision: 'waiting', spoofed: { arp: 5 } });
        expect(report.reason).toContain('has vanished');
      },
    );
    expect(port).toBeNull();
    for (const [verb, ...rest] of [['status'], ['explain', String(block?.data.port)]]) {
      await eventually(
        () => host.cli(String(verb), ...rest),
        ({ stdout }) => expect(stdout).toContain('has vanished'),
      );
    }
  });

  it('keeps no other container waiting', async ({ annotate }) => {
    const before = performance.now();
    await host.start('netclient-good');
    await annotate(`another container had its address after ${Math.round(performance.now() - before)} ms`);
    expect((await host.report('netclient-good')).decision).toBe('attached');
  });

  it('fills no ledger', async ({ annotate }) => {
    await eventually(made, (count) => expect(count).toBeGreaterThanOrEqual(MADE_ANEW), 60_000);
    await host.sh('systemctl stop deleting');
    const own = (await blocksSince(height)).length;
    await annotate(`${await made()} cards, ${own} blocks`);
    expect(await made()).toBeLessThanOrEqual(MADE_ANEW + 1);
    expect(own).toBeLessThan((MADE_ANEW + 1) * BLOCKS_EACH);
    expect(await held()).toHaveLength(1);
  });

  it('has its card back when it stops, and is still told to have lied', async () => {
    await eventually(
      () => Promise.all([host.report(HOSTILE), host.addresses(HOSTILE)]),
      ([{ decision }, addresses]) => {
        expect(decision).toBe('attached');
        expect(addresses).toEqual([ADDRESS]);
      },
      60_000,
    );
    expect((await host.inside(HOSTILE, 'ping', '-c3', '-W5', GATEWAY)).exitCode).toBe(0);
    expect(await spoofed()).toBe(5);
  });

  it('has it at once when a person asks', async () => {
    await host.inside(HOSTILE, 'ip', 'link', 'delete', 'ovs0');
    await eventually(
      () => host.report(HOSTILE),
      ({ decision }) => expect(decision).toBe('waiting'),
    );
    expect((await host.cli('reconcile')).exitCode).toBe(0);
    expect((await host.report(HOSTILE)).decision).toBe('attached');
    expect(await host.addresses(HOSTILE)).toEqual([ADDRESS]);
  });

  it('has it at once when it is started anew', async () => {
    const loses = () => host.inside(HOSTILE, 'ip', 'link', 'delete', 'ovs0');
    const waits = async () => (await host.report(HOSTILE)).decision === 'waiting';
    await eventually(
      async () => {
        await loses();
        return waits();
      },
      (isWaiting) => expect(isWaiting).toBe(true),
      60_000,
    );
    await host.sh(`docker restart -t 0 ${HOSTILE}`);
    await eventually(
      () => host.addresses(HOSTILE),
      (addresses) => expect(addresses).toEqual([ADDRESS]),
    );
  });
});
