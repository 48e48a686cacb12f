import { provideChannels } from "./diagnostics/channels.ts";
import { nodeChannels } from "./diagnostics/node-channels.ts";
import { nodeFileStores } from "./files.ts";
import { provideFileStores } from "./open-store.ts";

provideFileStores(nodeFileStores);
provideChannels(nodeChannels);

export type { Codec } from "./codec/codec.ts";
export { convert, type ConvertOptions, type ConvertReport } from "./convert.ts";
export type { HistogramBucket, HistogramSnapshot } from "./diagnostics/histogram.ts";
export type {
  AppendMessage,
  ArchiveMessage,
  DamageMessage,
  FlushMessage,
  OpenMessage,
  PoisonMessage,
  RecoveryMessage,
  SegmentMessage,
  SlowFlushMessage,
  TruncateMessage,
  WalMessage,
  WalMessages,
} from "./diagnostics/messages.ts";
export { WalError, type WalErrorCode, type WalErrorFacts } from "./errors.ts";
export type { Until } from "./commit/progress.ts";
export {
  inspect,
  type InspectOptions,
  type LogInspection,
  type LogLock,
  type LogQuarantine,
  type LogReader,
} from "./inspect.ts";
export { Lsn } from "./lsn.ts";
export type { SegmentedOptions, WalOptions } from "./options.ts";
export type { FollowOptions } from "./read/follow.ts";
export type { IterOptions, RecordIterator } from "./read/iterate.ts";
export { WalRecord } from "./read/wal-record.ts";
export { crc32c } from "./record/crc32c.ts";
export type { DamageReason } from "./record/format.ts";
export type { RecordInput } from "./record/frame.ts";
export type { DamagePolicy, RecoveryDamage, RecoveryReport } from "./recovery/report.ts";
export type { WalShare } from "./share/wal-share.ts";
export { FileStore } from "./store/file-store.ts";
export { MemStore } from "./store/mem-store.ts";
export { SegmentedStore } from "./store/segmented-store.ts";
export type {
  JoinedLog,
  MarkFile,
  NamedFile,
  StoreGap,
  StoreSegment,
  StoreSegments,
  StoreSide,
  WalStore,
} from "./store/store.ts";
export type { ArchiveHook, ArchiveStats, SealedSegment } from "./truncation/archive.ts";
export type { RetainOptions } from "./truncation/prefix-drop.ts";
export type { WalReader } from "./truncation/reader-position.ts";
export type { TypedRecord, TypedRecordIterator } from "./typed/typed-walk.ts";
export type { TypedWal } from "./typed/typed-wal.ts";
export { Wal, type WalStats } from "./wal.ts";
