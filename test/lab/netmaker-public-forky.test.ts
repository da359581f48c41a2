// Netmaker containers as public servers on Debian 14, where NetworkManager drives the bridge.
import { publicServers } from './netmaker-public.ts';

publicServers('public-forky', { suite: 'forky', way: 'routed' });
