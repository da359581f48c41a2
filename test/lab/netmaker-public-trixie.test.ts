// Netmaker containers as public servers on a host like Proxmox 9.
import { publicServers } from './netmaker-public.ts';

publicServers('public-trixie', { suite: 'trixie', way: 'routed' });
