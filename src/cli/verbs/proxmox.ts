// `proxmox`: the group of verbs about the hookscripts of Proxmox guests.

import type { AddVerb } from '../verb.ts';
import { addProxmoxEnroll } from './proxmox-enroll.ts';
import { addProxmoxStatus } from './proxmox-status.ts';
import { addProxmoxUnenroll } from './proxmox-unenroll.ts';

export const addProxmox: AddVerb = (parent, context) => {
  const group = parent
    .command('proxmox')
    .description('give Proxmox guests the hookscript, take it away, show who has it');
  for (const add of [addProxmoxEnroll, addProxmoxUnenroll, addProxmoxStatus]) add(group, context);
};
