// The main job on a host like Proxmox 9, where NetworkManager has no OVS plugin.
import { mainJob } from './main-job.ts';

mainJob('main-trixie', { suite: 'trixie', driver: 'ovsdb' });
