// Connections of public containers through restarts on a host like Proxmox 9.
import { surviving } from './netmaker-restarts.ts';

surviving('restarts-trixie', 'trixie');
