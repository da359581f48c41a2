// Where the undo record of the gateway is: in the runtime directory, which a reboot empties as it empties the kernel.

export const GATEWAY_RECORD = 'gateway.json';
/** The record is void after a boot because it is gone then; identifiers of a boot differ between mount namespaces. */
export const THIS_BOOT = 'this boot';
