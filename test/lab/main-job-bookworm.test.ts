// The main job on a host like Proxmox 8, with the oldest programs that we work with.
import { mainJob } from './main-job.ts';

mainJob('main-bookworm', { suite: 'bookworm', driver: 'ovsdb' });
