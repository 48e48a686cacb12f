/** Every number that bounds something, with its unit last in its name. */

/** The largest payload that a log takes unless told otherwise. */
export const maxRecordBytesDefault: number = 64 * 1024 * 1024;

/** The largest payload that the format can hold: its length is a u32. */
export const maxRecordBytesCeiling: number = 0xffff_ffff;

/** No offset goes beyond this: an LSN is a safe integer. */
export const logBytesMax: number = Number.MAX_SAFE_INTEGER;

/** What the reader asks of a store at a time. A record longer than this gets a buffer of its own. */
export const readChunkBytes: number = 256 * 1024;

/** The first read of an iteration; it doubles from there up to a chunk. */
export const readFirstChunkBytes: number = 8 * 1024;

/** What a memory store allocates at a time. */
export const memStoreChunkBytes: number = 64 * 1024;

/** The frame buffer starts so large, grows by doubling, and is let go again above the ceiling. */
export const scratchInitialBytes: number = 64 * 1024;
export const scratchKeepBytesMax: number = 4 * 1024 * 1024;

/** A payload from here on is written from where it is, by a write of its own, and not copied. */
export const payloadInPlaceBytesMin: number = 256 * 1024;

/** Records of callers who wait for a flush are written together: up to so large, and about so many bytes at once. */
export const stagedRecordBytesMax: number = 16 * 1024;
export const stageBytesMax: number = 320 * 1024;

/** The frame buffer keeps one view for each size of frame up to this, so that an append makes none. */
export const frameViewBytesMax: number = 4 * 1024;

/**
 * The search for an intact record past damage tries every offset, so a hostile tail could make it
 * checksum a payload at each of them. A candidate up to `searchSmallBytesMax` long is always tried;
 * longer ones while the budget lasts; a search that had to leave one out says "unknown", which
 * counts as corrupt. (In random bytes the small ones cost about half the tail's own length.)
 */
export const searchSmallBytesMax: number = 64 * 1024;
export const searchSmallBudgetBytesMin: number = 256 * 1024 * 1024;
export const searchSmallBudgetFactor = 4;
export const searchLargeBudgetBytes: number = 256 * 1024 * 1024;

/** How much is read and written again at a time when recovery rewrites what follows the mark. */
export const rewriteChunkBytes: number = 1024 * 1024;

/** How often a read-only open begins again when a live writer has cut the log under it. */
export const readOnlyOpenAttemptsMax = 16;

/** Bytes per segment file unless told otherwise. */
export const segmentBytesDefault: number = 64 * 1024 * 1024;

/**
 * What stands further out than so many missing segments in a row is not taken for part of the log. A power
 * cut can take the names of new segments and keep a later one, but only of those that no flush has covered yet.
 */
export const missingSegmentsInRowMax = 1024;

/** Segments held open at a time, with two descriptors each at most: 60 in all. */
export const openSegmentsMax = 30;

/** Flushes of one group that run at the same time, when many segments have new bytes. */
export const segmentFlushesAtOnceMax = 8;

/** The largest segment that is mapped: address space, and what an ArrayBuffer can be on every runtime. */
export const mappedSegmentBytesMax: number = 1024 * 1024 * 1024;

/** A write to a mapped segment from here on is a system call: it finds or makes many pages at once, a map each by a fault. */
export const mappedCopyBytesMax: number = 32 * 1024;

/**
 * Pages of a map are touched ahead of the appends: as far ahead as was appended since the last flush,
 * since the flush writes what was touched; not before so much, and not farther than so much. Off the
 * thread; in small pieces on it where so many calls are out that have not been seen to return, as in a
 * loop that never gives up the thread.
 */
export const prefaultBytesMin: number = 64 * 1024;
export const prefaultBytesMax: number = 8 * 1024 * 1024;
export const prefaultsAtOnceMax = 64;
export const prefaultHereBytes: number = 256 * 1024;

/** Threads that may have one log open at a time, the owner among them. */
export const writersMax: number = 64;

/** How often a call that waits for other threads looks whether one has died. */
export const deathLookMilliseconds: number = 100;

/**
 * A log whose owner died is held by the threads that had joined it until they know: who opens it looks again so
 * often, and for so long in all.
 */
export const joinedLookMilliseconds: number = 20;
export const joinedWaitMillisecondsMax: number = 2000;

/**
 * Where the platform does not tell whether a thread lives: how long one may be within the write of a
 * record, or lead a flush, and nothing happen, before it is taken for dead.
 */
export const writerSilenceMillisecondsMax: number = 10_000;
export const leadSilenceMillisecondsMax: number = 60_000;

/** Room for the cause of a poisoned log, as other threads read it. */
export const poisonNoteBytes: number = 4 * 1024;

/** What a memory store can hold once it is shared: address space is set aside for it, memory is not. */
export const sharedMemStoreBytesMax: number = 1024 * 1024 * 1024;
export const sharedMemStoreGrowBytes: number = 1024 * 1024;

/** The longest that a timer can be set to: 24 days. A follower that waits keeps its thread alive by one. */
export const timerMillisecondsMax: number = 2 ** 31 - 1;

/** How often a follower looks at a log that another process writes, when nothing tells it to. */
export const followPollMilliseconds = 1000;

/** A log on disk that looks wrong may be in the middle of a change: so often, so far apart, it is looked at again. */
export const followRetriesMax = 20;
export const followRetryMilliseconds = 50;

/** How much a follower that is behind takes into memory when its log is closed. */
export const followRestBytesMax: number = 16 * 1024 * 1024;

/** A flush that takes longer is told as a slow one: etcd's threshold for the same. */
export const slowFlushMilliseconds = 1000;

/** `appendAll` takes no more from its source while so many bytes wait for a flush. */
export const appendAllAheadBytesMax: number = 1024 * 1024;

/** pack-io: the largest length that encoded bytes may declare (bytes of a string, elements of a list), unless told otherwise. */
export const packIoLengthMaxDefault: number = 1024 * 1024 * 1024;
export const packIoLengthMaxCeiling: number = 0xffff_ffff;

/** pack-io: how many recursive codecs may stand one within the other, unless told otherwise. */
export const packIoDepthMaxDefault = 256;

/**
 * pack-io: how many places for values one call makes for elements that take no bytes. No other bound holds them:
 * five bytes can declare a thousand million.
 */
export const packIoFreeSlotsMax: number = 1024 * 1024;

/** pack-io: keys are encoded again to tell them apart, in all up to so many times the bytes that are decoded, and so many more. */
export const packIoRecodedFactor = 16;
export const packIoRecodedBytesMin: number = 64 * 1024;

/** pack-io: the buffer that a thread encodes into starts so large, and is let go again above the ceiling. */
export const packIoScratchBytes: number = 4 * 1024;
export const packIoScratchKeepBytesMax: number = 1024 * 1024;

/** Copies of records for codecs stand side by side in slabs of this size, unless they are as large as that. */
export const ownBytesSlabBytes: number = 16 * 1024;
export const ownBytesAloneMin: number = 4 * 1024;

/** `compressed` of wal-db/codecs: what is shorter is not tried, and what is longer is refused. */
export const compressBytesMinDefault = 128;
export const inflatedBytesMaxDefault: number = 64 * 1024 * 1024;
