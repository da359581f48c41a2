// Names of our own D-Bus service; hooks, command line and agent share them.

export const AGENT_NAME = 'dev.ovs.PortAgent1';
export const AGENT_PATH = '/dev/ovs/PortAgent1';
export const AGENT_ERROR = `${AGENT_NAME}.Error`;
