export type { Disk, FileKind, FileStat, OpenMode } from "../store/disk.ts";
export type { CrashOptions, CrashReport } from "./crash-options.ts";
export type { DiskCall, DiskCallKind, DiskEffect, DiskFault, HeldFlush } from "./disk-fault.ts";
export type { Fault } from "./fault-plan.ts";
export { type Chooser, Random } from "./random.ts";
export { ProcessStopped, SimulatedDisk, type SimulatedDiskOptions } from "./simulated-disk.ts";
export {
  FaultStore,
  type HeldStoreFlush,
  type StoreCallKind,
  type StoreEffect,
  type StoreFault,
} from "./fault-store.ts";
export {
  ConformanceError,
  type ConformanceScope,
  type StoreConformanceOptions,
  type StorePart,
} from "./conformance-subject.ts";
export { storeConformance } from "./store-conformance.ts";
