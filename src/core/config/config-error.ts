// Where the agent leaves why its configuration kept it from starting: one line, for hooks and who else misses it.

export const CONFIG_ERROR = 'config-error';
