const MIB = 1024 * 1024

/** Largest message in a request stream, bytes. */
export const MESSAGE_BYTES_MAX = 4 * MIB

/** Largest published message, bytes. */
export const PUBLISH_BYTES_MAX = 1 * MIB

/** A request stream over which nothing passes for this long, in either direction, is reset. */
export const STREAM_IDLE_MS = 120_000

/** Streams of one protocol that one peer may have open here, over all of its connections. */
export const STREAMS_MAX = 64

/**
 * Requests of one protocol that this peer has under way with another; further ones wait for their turn. Fewer than are let
 * in: the other side may learn a little later that one is over.
 */
export const REQUESTS_MAX = 48

/** Streams on one connection, of all protocols together. */
export const CONNECTION_STREAMS_MAX = 1024

/**
 * Bytes that came from one peer and that no handler could take yet, over all of its streams: whole messages and unfinished
 * ones. As many slow uploads as one peer begins fit in it, each with what is read ahead and a window behind that.
 */
export const INBOUND_BYTES_MAX = 128 * MIB

/** Bytes that the other side may send ahead on one stream before it is read. */
export const STREAM_WINDOW_BYTES = 2 * MIB
