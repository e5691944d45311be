const MIB = 1024 * 1024

/** Largest message in a request stream, bytes. */
export const MESSAGE_BYTES_MAX = 4 * MIB

/** Largest published message, bytes. */
export const PUBLISH_BYTES_MAX = 1 * MIB
