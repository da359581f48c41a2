// The rooms of the house and the arrows between them: `make lint` fails on any other arrow, and on any circle.
// The picture that goes with it: docs/architecture.md.

import { readdirSync } from 'node:fs';

const LIB = 'src/core/lib';
/** What knows one outside thing each: a protocol, a file format, the kernel. None of them knows another. */
const PROTOCOLS = [
  'src/core/kernel',
  'src/core/bus',
  'src/core/ledger',
  'src/core/ovsdb',
  'src/core/networkmanager',
];
const CORE = [LIB, 'src/core/guest', 'src/core/events', ...PROTOCOLS, 'src/core/plan'];
const SWITCH = [...CORE, 'src/core/drivers'];
const GUESTS = [...SWITCH, 'src/ifupdown', 'src/state', 'src/netmaker', 'src/runtimes', 'src/producers'];
const CONFIGURED = [...GUESTS, 'src/witness', 'src/core/config'];
const OFFERED = [...CONFIGURED, 'src/reconcile', 'src/diagnose', 'src/api'];

/** From the ground up: each room, and which others it may import. A room imports only what stands above it in this list. */
const ROOMS = {
  'src/core/lib': [],
  'src/core/guest': [LIB],
  'src/core/events': [LIB, 'src/core/guest'],
  'src/core/kernel': [LIB],
  'src/core/bus': [LIB],
  'src/core/ledger': [LIB, 'src/core/guest'],
  'src/core/ovsdb': [LIB],
  'src/core/networkmanager': [LIB, 'src/core/bus'],
  'src/core/plan': [LIB, 'src/core/guest', 'src/core/events', ...PROTOCOLS],
  'src/core/drivers': CORE,
  'src/ifupdown': SWITCH,
  'src/state': SWITCH,
  'src/netmaker': [...SWITCH, 'src/state'],
  'src/runtimes': [...SWITCH, 'src/ifupdown', 'src/state', 'src/netmaker'],
  'src/witness': [LIB, 'src/core/kernel', 'src/core/ledger'],
  'src/producers': SWITCH,
  'src/core/config': [...GUESTS, 'src/witness'],
  'src/reconcile': CONFIGURED,
  'src/diagnose': CONFIGURED,
  'src/api': [...CONFIGURED, 'src/reconcile', 'src/diagnose'],
  hooks: OFFERED,
  'src/agent': [...OFFERED, 'hooks/docker'],
  'src/cli': OFFERED,
};

/** One runtime knows nothing of another: each is a folder that can be taken out. */
const RUNTIMES = readdirSync('src/runtimes', { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

const inside = (rooms) => `^(?:${rooms.join('|')})/`;

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...Object.entries(ROOMS).map(([room, below]) => ({
      name: `arrow of ${room}`,
      comment: `${room} may import ${below.length === 0 ? 'no other room' : below.join(', ')}.`,
      severity: 'error',
      from: { path: inside([room]) },
      to: { path: '^(?:src|hooks)/', pathNot: inside([room, ...below]) },
    })),
    {
      name: 'no room',
      comment: 'Every file is in a room that is named above.',
      severity: 'error',
      from: { path: '^(?:src|hooks)/', pathNot: inside(Object.keys(ROOMS)) },
      to: {},
    },
    {
      name: 'no room, and no arrow',
      comment: 'The rule before sees a file by its arrows; this one sees a file that has none.',
      severity: 'error',
      from: { orphan: true, path: '^(?:src|hooks)/', pathNot: inside(Object.keys(ROOMS)) },
      to: {},
    },
    {
      name: 'one runtime, one folder',
      severity: 'error',
      from: { path: `^src/runtimes/(${RUNTIMES.join('|')})/` },
      to: { path: '^src/runtimes/[^/]+/', pathNot: '^src/runtimes/$1/' },
    },
    { name: 'circle of files', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'circle of folders',
      severity: 'error',
      scope: 'folder',
      from: {},
      to: { circular: true },
    },
    {
      name: 'one file each',
      comment: 'dbus-next, dockerode, @iarna/toml and execa are imported by one file each.',
      severity: 'error',
      from: {
        path: '^(?:src|hooks)/',
        pathNot:
          '^(?:src/core/bus/dbus-next|src/runtimes/docker/engine|src/core/config/toml|src/core/lib/exec)\\.ts$',
      },
      to: { path: 'node_modules/(?:dbus-next|dockerode|@iarna/toml|execa)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
