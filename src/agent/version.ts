// What `dpkg` knows us as.

/** Set by the build. */
declare const __VERSION__: string | undefined;
export const VERSION = typeof __VERSION__ === 'string' ? __VERSION__ : 'development';
