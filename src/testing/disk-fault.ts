import type { Fault } from "./fault-plan.ts";

/** The kinds of system calls, as faults count them. Blocking and not count as one kind. */
export type DiskCallKind =
  | "stat"
  | "list"
  | "open"
  | "create"
  | "close"
  | "read"
  | "write"
  | "truncate"
  | "flush"
  | "flushDirectory"
  | "lock"
  | "rename"
  | "remove"
  | "makeDirectory"
  | "removeDirectory";

/** One system call, as `onCall` is told of it before it is made. */
export interface DiskCall {
  readonly kind: DiskCallKind;
  /** The file or directory that it is made on. */
  readonly path: string;
  /** The new name, of a rename. */
  readonly to?: string | undefined;
  /** Where a read or write begins, or the length after a cut, in bytes. */
  readonly position?: number | undefined;
  /** Bytes to read or write. */
  readonly length?: number | undefined;
}

export type DiskEffect =
  /**
   * The call throws an error with this `code` and does nothing. A flush of a file that fails loses
   * what it was to write, and its pages count as clean, as on Linux: later reads look right, the disk
   * has the old bytes, and no later flush changes that. With `pages: "dirty"` they stay to be written.
   */
  | { readonly kind: "fail"; readonly errno: string; readonly pages?: "clean" | "dirty" | undefined }
  /** A read or write moves at most so many bytes, without an error. */
  | { readonly kind: "short"; readonly most: number }
  /** A write that the drive confirms and never makes: seen until the cache lets go of it. */
  | { readonly kind: "lost" }
  /** A write that the drive makes so many bytes away from its place, in the same file. */
  | { readonly kind: "misdirected"; readonly by: number }
  /** A flush that says it is done, and has done nothing: what it was to write is not on the disk. */
  | { readonly kind: "lie" };

/** A fault of a {@link SimulatedDisk}: which calls do something else than their work. */
export interface DiskFault extends Fault<DiskCallKind, DiskEffect> {
  /** Only calls on this path count; a string that ends in `*` stands for all that begin so. Default: all. */
  readonly path?: string | undefined;
}

/** A flush under way that waits for the test to end it. */
export interface HeldFlush {
  /** The file or directory. */
  readonly path: string;
  /** It succeeds, for all that was written before it began. */
  land(): void;
  /** It fails as `{ kind: "fail", errno }` does. Default: EIO. */
  fail(errno?: string): void;
}

/** @internal */
export function isOn(fault: DiskFault, path: string): boolean {
  if (fault.path === undefined) return true;
  return fault.path.endsWith("*") ? path.startsWith(fault.path.slice(0, -1)) : path === fault.path;
}
