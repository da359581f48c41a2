// Netmaker containers as public servers on a host like Proxmox 8.
import { publicServers } from './netmaker-public.ts';

publicServers('public-bookworm', { suite: 'bookworm', way: 'routed' });
