const MIB = 1024 * 1024

/** Largest message in a request stream, bytes. */
export const MESSAGE_BYTES_MAX = 4 * MIB

/** Largest published message, bytes. */
export const PUBLISH_BYTES_MAX = 1 * MIB

/** A request stream over which nothing passes for this long, in either direction, is reset. */
export const STREAM_IDLE_MS = 120_000

/** Streams of one protocol on one connection, in each direction. */
export const STREAMS_MAX = 1024

/** Bytes that the other side may send ahead on one stream before it is read. */
export const STREAM_WINDOW_BYTES = 2 * MIB
