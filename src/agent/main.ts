// The daemon: builds the parts, wires them together, and runs until systemd or the bus says otherwise.

import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { listenToDocker } from '../../hooks/docker/listener.ts';
import { serveMethods } from '../api/dbus-service.ts';
import { openHealth } from '../api/health.ts';
import { HOOK_SOCKET } from '../api/hook-request.ts';
import { openHookSocket } from '../api/hook-socket.ts';
import { guestMethods } from '../api/methods/guests.ts';
import { introspectionMethods } from '../api/methods/introspection.ts';
import { agentMethods } from '../api/methods/methods.ts';
import { statusReport } from '../api/status.ts';
import { AGENT_NAME, AGENT_PATH } from '../core/bus/agent-names.ts';
import { connectSystemBus } from '../core/bus/system-bus.ts';
import { stopKind } from '../core/bus/systemd.ts';
import { loadConfig } from '../core/config/load.ts';
import { networkManagerDriver } from '../core/drivers/networkmanager/driver.ts';
import { ovsdbDriver } from '../core/drivers/ovsdb/driver.ts';
import { observeBridges, observePortNames, observePorts } from '../core/drivers/ovsdb/observe.ts';
import { bringUp } from '../core/kernel/addresses.ts';
import { openGiven } from '../core/kernel/given.ts';
import { readHost } from '../core/kernel/host.ts';
import { hostUse, linkIndex, linkNames } from '../core/kernel/links.ts';
import { makeDeaf } from '../core/kernel/own-interface.ts';
import { openParking } from '../core/kernel/parking.ts';
import { openVeths } from '../core/kernel/veth.ts';
import { AGENT_STARTED, carryOver, findEvents, HEAD_FILE, tail } from '../core/ledger/index.ts';
import { AgentError } from '../core/lib/errors.ts';
import { exec, follow, keep } from '../core/lib/exec.ts';
import { keyedQueue } from '../core/lib/keyed-queue.ts';
import { isJournal, journalLog, plainLog } from '../core/lib/log.ts';
import { openWatching } from '../core/lib/watch.ts';
import { openNetworkManager } from '../core/networkmanager/networkmanager.ts';
import { openOvsdb } from '../core/ovsdb/client.ts';
import { OWNER_KEYS } from '../core/plan/observed.ts';
import { readLastRun } from '../ifupdown/last-result.ts';
import { GATEWAY_RECORD } from '../netmaker/gateway/place.ts';
import { spoolAbsorber } from '../reconcile/absorb-spool.ts';
import { createAgent } from '../reconcile/agent.ts';
import { bridgeWish } from '../reconcile/bridge-spec.ts';
import { openConverge } from '../reconcile/converge.ts';
import { knownEvents } from '../reconcile/known-events.ts';
import { observe } from '../reconcile/observe.ts';
import { openOverlooked } from '../reconcile/overlooked.ts';
import { openHealings } from '../reconcile/recreate-backoff.ts';
import { openToldEvents } from '../reconcile/reported-events.ts';
import { handBackGuest, noteHandedBack } from '../reconcile/restore-names.ts';
import { executors } from '../reconcile/run-step.ts';
import { settleIntents } from '../reconcile/settle-intents.ts';
import { keepSwitchFacts } from '../reconcile/switch-facts.ts';
import { takenBy } from '../reconcile/taken-by.ts';
import { startReconciler } from '../reconcile/triggers.ts';
import { whenReady } from '../reconcile/wait-ready.ts';
import { dockerCursor } from '../runtimes/docker/cursor.ts';
import { openDocker } from '../runtimes/docker/engine.ts';
import { openLxcContainers } from '../runtimes/lxc/containers.ts';
import { watchLxc } from '../runtimes/lxc/watch.ts';
import { autoEnrolment } from '../runtimes/proxmox/auto-enroll.ts';
import { takenVmids } from '../runtimes/proxmox/config/taken-vmids.ts';
import { openProxmoxLocks } from '../runtimes/proxmox/locks.ts';
import { watchProxmox } from '../runtimes/proxmox/watch.ts';
import { loadClaims } from '../state/desired-state.ts';
import { openTroubles } from '../state/pending-retries.ts';
import { existingContainers, noteReleased } from '../state/vmid-releases.ts';
import { openVmids } from '../state/vmids.ts';
import { syncInterfaces } from './interfaces-sync.ts';
import { liveConfig } from './live-config.ts';
import { lossText, openBook } from './open-ledger.ts';
import { openNetmaker } from './open-netmaker.ts';
import { openReload, publishConfig } from './reload.ts';
import { letGo } from './shutdown.ts';
import { openSources } from './sources.ts';
import { endStart, firstReconcile, terminated } from './start-and-end.ts';
import { watchDaemonStart } from './watch-daemon.ts';
import { startWatchdog } from './watchdog.ts';

const STATE = '/var/lib/ovs-port-agent';
const RUNTIME = '/run/ovs-port-agent';
/** ovs-vswitchd writes it at each start; the rules of ports are gone then. */
const SWITCH_PID_FILE = '/run/openvswitch/ovs-vswitchd.pid';
const OVSDB_SOCKET = '/run/openvswitch/db.sock';
const GUESTS_AT_ONCE = 8;
/** Blocks to look through for events that were handled just before a restart. */
const REMEMBERED_BLOCKS = 5_000;

const log = (isJournal(1, process.env) ? journalLog : plainLog)((line) => process.stdout.write(line));
const onError = (error: unknown) =>
  log.error(error instanceof AgentError ? error.toLine() : `unexpected: ${String(error)}`);

async function main(): Promise<void> {
  const now = Date.now;
  const steady = () => performance.now();
  const startedAt = new Date(now()).toISOString();
  const { config: first, warnings } = await loadConfig();
  const live = liveConfig(first);
  const { config } = live;
  for (const warning of warnings) log.warning(warning);
  const host = await readHost();
  const stop = new AbortController();
  const asked = terminated();

  const bus = await connectSystemBus();
  const watching = openWatching({
    onPoll: ({ path, reason }) => log.warning(`${path} is looked at every second: ${reason}`),
  });
  const book = await openBook(
    {
      path: config.ledger.path,
      hostname: host.hostname,
      bootId: host.bootId,
      pid: process.pid,
      user: 'root',
      onBroken: 'set-aside',
    },
    { headFile: join(STATE, HEAD_FILE), watching, now, onError },
  );
  const { ledger, openAtStart } = book;
  if (book.loss) log.error(lossText(config.ledger.path, book.loss));
  ledger.subscribe((block) => {
    const { height, hash, category, action } = block;
    bus.emit(AGENT_PATH, AGENT_NAME, 'BlockAppended', 'tsss', [BigInt(height), hash, category, action]);
  });
  const { height: startHeight } = await ledger.append({
    category: 'lifecycle',
    action: AGENT_STARTED,
    data: { version: VERSION, node: process.version, config_warnings: [...warnings] },
    metadata: carryOver(openAtStart),
  });

  const ovsdb = openOvsdb(OVSDB_SOCKET);
  const networkManager = await openNetworkManager(bus, (problem) => told.noteOdd('NetworkManager', problem));
  const { bootId } = host;
  const drivers = {
    networkmanager: networkManagerDriver({
      networkManager,
      ovsdb,
      bootId,
      makeDeaf: (link, ipv6) => makeDeaf(exec, link, ipv6),
    }),
    ovsdb: ovsdbDriver({ ovsdb, bootId, bringUp: (link, wish) => bringUp(exec, link, wish) }),
  };
  const facts = keepSwitchFacts({ configured: config.driver, networkManager, ovsdb });
  await facts.refresh();
  const parking = openParking(keep);
  const veths = openVeths(exec, parking, openGiven(join(RUNTIME, 'given')));
  const bindingsDir = join(RUNTIME, 'bindings');
  const claims = await loadClaims(bindingsDir, (problem) => log.warning(problem));
  const troubles = openTroubles(steady);
  const recent = await tail(config.ledger.path, REMEMBERED_BLOCKS);
  const known = knownEvents(recent.flatMap((block) => block.metadata.event_id ?? []));
  const docker = openDocker(config.docker.socket, { imageLabels: config.docker.image_labels });
  const lxcContainers = openLxcContainers({ root: config.lxc.root });
  const vmids = await openVmids({
    path: join(STATE, 'vmids.json'),
    config,
    now,
    takenElsewhere: () => takenVmids(config.proxmox),
    portVmids: () =>
      observePorts(ovsdb.replica).flatMap(({ externalIds }) => {
        const vmid = Number(externalIds[OWNER_KEYS.vmid]);
        const { [OWNER_KEYS.runtime]: runtime = '', [OWNER_KEYS.guest]: name = '' } = externalIds;
        return Number.isInteger(vmid) ? [{ vmid, runtime, name }] : [];
      }),
    existing: { docker: existingContainers({ config, docker, claims }), lxc: lxcContainers.names },
    onReleased: (released) => void noteReleased(ledger, released).catch((error: unknown) => onError(error)),
    onProblem: (problem) => log.warning(problem),
  });

  const guestQueue = keyedQueue(GUESTS_AT_ONCE);
  const netmaker = await openNetmaker({
    config,
    bus,
    exec,
    follow,
    ovsdb,
    docker,
    claims,
    ledger,
    troubles,
    veths,
    guestQueue,
    leasesPath: join(STATE, 'leases.json'),
    gatewayRecordPath: join(RUNTIME, GATEWAY_RECORD),
    now,
    onProblem: (problem) => log.warning(problem),
    onError: (error) => onError(error),
  });
  const locks = openProxmoxLocks({
    config,
    follow,
    ovsdb,
    restoreNames: (vmid, reason) =>
      handBackGuest({ ovsdb, ledger, onHandedBack: noteHandedBack(claims, now) }, vmid, reason),
    look: (vmid, reason) => agent.look(vmid, reason),
    onChange: (reason) => reconciler.soon(reason),
    now,
    onError: (error) => onError(error),
  });
  const {
    sources,
    docker: dockerContainers,
    proxmox,
  } = openSources({
    locks,
    config,
    ovsdb,
    claims,
    veths,
    docker,
    vmids,
    lxcContainers,
    machineId: host.machineId,
    endpoints: netmaker.endpoints,
    onLxcProblem: (name, reason) => {
      const port = `container ${name}`;
      if (reason === undefined) troubles.clear(port);
      else troubles.note({ port, bridge: config.lxc.bridge, code: 'container-not-attachable', reason });
    },
    onContainerProblem: (name, problem) => {
      const port = `container ${name}`;
      if (problem === undefined) troubles.clear(port);
      else {
        const { code, reason } = problem;
        if (troubles.note({ port, bridge: '', code, reason })) log.warning(`${port}: ${problem.toLine()}`);
      }
    },
    now,
  });

  const overlooked = openOverlooked();
  const healings = openHealings(steady);
  const { converge, settled } = openConverge({
    config,
    ledger,
    healings,
    facts: facts.current,
    profileUuids: drivers.networkmanager.profileUuids,
    troubles,
    guardDigest: netmaker.guards.digest,
    executors: executors({ config, drivers, veths, guards: netmaker.guards }),
    observe: (look) =>
      observe(
        {
          ovsdb,
          networkManager,
          veths,
          wishFor: (bridge) => bridgeWish(config, bridge),
          guards: netmaker.guards.all,
        },
        look,
      ),
    bridgeQueue: keyedQueue(1),
    bound: claims.bindings,
    takenBy: takenBy(claims),
    recordOf: claims.noted,
    holderOf: (link) => observePorts(ovsdb.replica).find((port) => port.interface === link),
    presentPorts: () => observePortNames(ovsdb.replica),
    async onAttached(desired, data) {
      const key = claims.ofPort(desired.port)?.key ?? '';
      await claims.bind(desired, key, String(data.driver), new Date(now()));
      bus.emit(AGENT_PATH, AGENT_NAME, 'PortAdded', 'ss', [desired.port, JSON.stringify(data)]);
      if (desired.guard) netmaker.changed(desired.guest.name, 'attached');
      log.info(`${desired.port} attached on ${desired.bridge} (${desired.interface})`);
    },
    async onDetached(port, data) {
      const detached = claims.binding(port);
      if (detached?.guard) netmaker.changed(detached.guest, 'detached');
      await claims.unbind(port);
      bus.emit(AGENT_PATH, AGENT_NAME, 'PortRemoved', 'ss', [port, JSON.stringify(data)]);
      log.info(`${port} removed`);
    },
  });

  const told = openToldEvents({ config, ledger, warn: log.warning, onError: (error) => onError(error) });
  const agent = createAgent({
    config,
    ledger,
    claims,
    troubles,
    sources: overlooked.watch(sources),
    converge,
    settled,
    guestQueue,
    known,
    ready: async () => {
      await Promise.all([proxmoxWatch?.ensure(), locks.ensure()]);
      const isReady = await whenReady(networkManager, ovsdb, facts.refresh);
      if (isReady) await netmaker.look();
      // What could not be taken in when it came: nothing else asks for it again.
      void spool.absorb().catch(onError);
      return isReady;
    },
    containerAt: (id) => dockerContainers.look(id),
    publish: netmaker.publish,
    prepare: netmaker.prepare,
    // It has most often ended, and its namespace with it.
    release: (veth) => veths.release(veth).catch(() => undefined),
    lookAt: async (vmid) => proxmox?.look(vmid),
    lookLater: (vmid, ms) => {
      setTimeout(
        () => void agent.look(vmid, 'its card rests under the name that Proxmox gave it').catch(onError),
        ms,
      ).unref();
    },
    occasionOf: async (event) =>
      event.source === 'proxmox' && (await proxmox?.lockOf(event.vmid)) === 'backup' ? 'backup' : 'guest',
    isWorthABlock: told.isWorthABlock,
    leaveOut: told.leaveOut,
    now,
    onTrouble: () => reconciler.plan(),
    onError: (error) => onError(error),
  });
  const times = {
    debounceMs: () => config.debounce_ms,
    intervalMs: () => config.reconcile_interval * 1000,
  };
  const enrolment =
    proxmox &&
    autoEnrolment({
      bus,
      root: config.proxmox.root,
      statePath: join(STATE, 'known-guests.json'),
      enabled: config.proxmox.auto_enroll,
      ...times,
      onProblem: (problem) => log.warning(problem),
      onError: (error) => onError(error),
    });
  const proxmoxWatch =
    proxmox &&
    watchProxmox(watching, config.proxmox.root, {
      onChange(vmid) {
        enrolment?.soon();
        void agent.look(vmid, 'its configuration changed').catch(onError);
      },
      onBack() {
        enrolment?.soon();
        reconciler.soon(`${config.proxmox.root} is back`);
      },
    });
  const reconciler = startReconciler({
    agent,
    ovsdb,
    troubles,
    isAskedFor: (port) => claims.ofPort(port) !== undefined,
    async canReturn(port) {
      const binding = claims.binding(port);
      // NetworkManager takes its rows away and puts them back by itself.
      return binding?.driver === 'ovsdb' && (await linkIndex(binding.interface)) !== undefined;
    },
    ...times,
    onError,
  });
  networkManager.onPresence((present) => {
    void facts.refresh().catch(onError);
    if (present) reconciler.soon('NetworkManager is back');
    else log.warning('NetworkManager has left the bus');
  });

  const spool = spoolAbsorber({
    directory: join(STATE, 'spool'),
    watching,
    recorded: (ids) => findEvents(config.ledger.path, ids),
    async handle(event, recordedAt) {
      if (recordedAt !== undefined && recordedAt < startHeight) return agent.finish(event, recordedAt);
      const { ok, height, message } = await agent.handle(event, undefined, true);
      if (!ok && height === null) throw new AgentError('ledger-write-failed', message);
    },
    onRejected: async (file, problem) => {
      await ledger.append({ category: 'lifecycle', action: 'spool_rejected', data: { file, problem } });
    },
    onLeftOut: async (count) => {
      const data = { count, reason: 'too many waited in the spool already' };
      await ledger.append({ category: 'lifecycle', action: 'events_lost', data });
    },
    now,
  });

  const reloader = openReload({
    live,
    ledger,
    runtimeDir: RUNTIME,
    log,
    onTaken: (reason) => {
      reconciler.rearm();
      reconciler.soon(reason);
    },
  });
  process.on('SIGHUP', () => void reloader.reload().catch(onError));

  let dockerConnected = false;
  const health = openHealth({
    config,
    bootId,
    claims,
    troubles,
    facts,
    ovsdb,
    switchDirectory: dirname(SWITCH_PID_FILE),
    loss: book.loss,
    polled: watching.polled,
    withdrawn: netmaker.withdrawn,
    unreached: netmaker.unreached,
  });
  const status = () =>
    statusReport({
      config,
      host,
      startedAt,
      version: VERSION,
      ledger,
      claims,
      troubles,
      spool,
      dockerConnected,
      facts,
      ovsdb,
      health,
      netmaker: netmaker.summary(),
      configuration: reloader.summary(),
      locksProblem: locks.problem(),
    });
  serveMethods(
    bus,
    [
      ...agentMethods({
        agent,
        config,
        claims,
        ledger,
        status,
        healthOfPorts: health.ofPorts,
        forgetLosses: () => healings.forget(() => true),
        withVmid: (name, use) => vmids.claimFor('lxc', name, undefined, use),
        vmidOwner: vmids.owner,
        lxcRuns: async (name) => (await lxcContainers.running()).some((container) => container.name === name),
        hostUse,
        isBridge: (name) => observeBridges(ovsdb.replica).has(name),
      }),
      reloader.method,
      ...guestMethods({
        ovsdb,
        claims,
        healthOfPorts: health.ofPorts,
        troubles,
        overlooked,
        containerName: async (id) => (await docker.inspect(id))?.Name.replace(/^\//, ''),
      }),
      ...introspectionMethods({
        bus,
        networkManager,
        ovsdb,
        claims,
        facts,
        exec,
        bindingsDir,
        reconcile: agent.reconcile,
        health,
      }),
      ...netmaker.start({
        source: dockerContainers,
        takeAway: (key, reason) => agent.takeAway(key, reason),
        idle: guestQueue.idle,
      }),
    ],
    host.machineId,
  );

  await publishConfig(RUNTIME, { ...config });
  await firstReconcile(agent.reconcile, ovsdb, onError);
  await settleIntents(ledger, openAtStart, {
    ports: observePorts(ovsdb.replica),
    bridges: observeBridges(ovsdb.replica),
  });
  await bus.requestName(AGENT_NAME);
  const hookSocket = await openHookSocket({
    path: join(RUNTIME, HOOK_SOCKET),
    strict: () => config.strict,
    handle: agent.handle,
    onError,
  });
  log.info(`ready, ledger at height ${ledger.head().height}`);

  enrolment?.soon();
  const switchWatch = watchDaemonStart(watching, SWITCH_PID_FILE, () =>
    reconciler.soon('ovs-vswitchd was started'),
  );
  const watchdog = startWatchdog({ exec, env: process.env, onError });
  const interfaces = syncInterfaces({
    bus,
    ovsdb,
    config,
    lastRun: () => readLastRun(RUNTIME),
    onError,
  });
  const lxcWatch = config.lxc.enabled
    ? watchLxc({
        containers: lxcContainers,
        claims: claims.all,
        linkNames,
        onMissed: reconciler.soon,
        onError,
      })
    : undefined;
  await spool.watch(onError);
  void spool.absorb().catch(onError);
  if (config.docker.enabled) {
    void listenToDocker({
      docker,
      cursor: dockerCursor(join(STATE, 'docker-cursor')),
      onEvent: (event) => agent.handle(event),
      onNetworks: (id) => void agent.lookAtContainer(id, 'its Docker networks changed').catch(onError),
      onConnected: () => {
        dockerConnected = true;
        reconciler.soon('Docker is connected');
      },
      onOdd: (problem) => told.noteOdd('docker', problem),
      onDisconnected: () => {
        if (dockerConnected) log.warning('Docker has gone away');
        dockerConnected = false;
      },
      signal: stop.signal,
    }).catch(onError);
  }

  const lost = book.lost.then((what) => {
    log.error(
      `the ledger ${config.ledger.path} is not the file that was written: ${what}; the agent starts anew`,
    );
    return 'ledger' as const;
  });
  const ended = await Promise.race([bus.closed.then(() => 'bus' as const), lost, asked]);
  stop.abort();
  await hookSocket.close();
  reconciler.close();
  proxmoxWatch?.close();
  locks.close();
  lxcWatch?.close();
  enrolment?.close();
  interfaces.close();
  watchdog.close();
  switchWatch.close();
  spool.close();
  await netmaker.close();
  parking.close();
  // Every start settles what has become of the file; in this run nothing more can be recorded.
  if (ended === 'ledger') return process.exit(1);
  const data = { reason: ended === 'bus' ? 'the system bus closed the connection' : ended };
  const cause = await ledger.append({ category: 'lifecycle', action: 'agent_stopped', data }).then(
    ({ height }) => height,
    (error: unknown) => void onError(error),
  );
  // Also of one whose bus went: both may be stopped in one step.
  const isStopped = (await stopKind()) === 'stop';
  if (isStopped) {
    await letGo({ agent, ovsdb, ledger, claims, cause, now, onError });
  }
  await told.close();
  await book.close();
  await ovsdb.close();
  // systemd starts us anew, and a fresh process is the one safe way to a fresh bus.
  process.exit(ended === 'bus' && !isStopped ? 1 : 0);
}

/** Set by the build; what `dpkg` knows us as. */
declare const __VERSION__: string | undefined;
const VERSION = typeof __VERSION__ === 'string' ? __VERSION__ : 'development';

mkdir(dirname(join(RUNTIME, 'x')), { recursive: true })
  .then(main)
  .catch((error: unknown) => {
    void endStart(error, { log, runtimeDir: RUNTIME, exec, env: process.env }).then((code) =>
      process.exit(code),
    );
  });
