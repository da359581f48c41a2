// What the labels of ours begin with, on containers of any runtime.

export const LABEL_PREFIX = 'dev.ovs.portagent.';
