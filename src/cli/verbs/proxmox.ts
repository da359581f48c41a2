// `proxmox`: the group of verbs about a Proxmox host and the hookscripts of its guests.

import type { AddVerb } from '../verb.ts';
import { addProxmoxEnroll } from './proxmox-enroll.ts';
import { addProxmoxInterfaces } from './proxmox-interfaces.ts';
import { addProxmoxStatus } from './proxmox-status.ts';
import { addProxmoxUnenroll } from './proxmox-unenroll.ts';

export const addProxmox: AddVerb = (parent, context) => {
  const group = parent
    .command('proxmox')
    .description('give Proxmox guests the hookscript, take it away, show who has it; the interfaces file');
  for (const add of [addProxmoxEnroll, addProxmoxUnenroll, addProxmoxStatus, addProxmoxInterfaces])
    add(group, context);
};
