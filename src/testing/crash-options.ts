import type { Chooser } from "./random.ts";

/** What a crash does to what was not flushed. Each is an account of what real systems may do. */
export interface CrashOptions {
  /**
   * What becomes of unflushed changes. `some` (default): each is kept, lost, torn, or leaves room
   * without bytes, by chance. `none`: all are lost. `all`: all are kept, as though the system had
   * written everything back a moment before.
   */
  readonly keep?: "some" | "none" | "all" | undefined;
  /**
   * Where a write may be torn. `sector` (default): between sectors of 512 bytes, which a drive
   * writes whole or not at all. `byte`: anywhere, which is harsher than drives are. `never`: not.
   */
  readonly tear?: "sector" | "byte" | "never" | undefined;
  /**
   * Which changes of names (files made, renamed, removed) outlive the crash. `prefix` (default):
   * the first so many in the order in which they were made, as journalling file systems do.
   * `any`: any of them, which POSIX allows.
   */
  readonly names?: "prefix" | "any" | undefined;
  /**
   * In which order unflushed writes and cuts of one file reach the disk. `made` (default): in the
   * order in which they were made, with any left out. `any`: in any order, so that an older write
   * may come to lie over a newer one.
   */
  readonly order?: "made" | "any" | undefined;
  /**
   * What stands in room that a file got and whose bytes never came. `zeros` (default): what file
   * systems show there. `remains`: what the same place of the file held before it was cut, which
   * only file systems without any such protection show.
   */
  readonly room?: "zeros" | "remains" | undefined;
  /** What decides. Default: the random numbers of the disk's own seed. */
  readonly chooser?: Chooser | undefined;
}

/** What a crash did, counted: a run that never tore anything has proved little. */
export interface CrashReport {
  /** Unflushed writes and cuts that are on the disk as they were made. */
  readonly kept: number;
  /** Those of which nothing is left. */
  readonly lost: number;
  /** Those of which a part is left. */
  readonly torn: number;
  /** Unflushed changes of names, kept and lost. */
  readonly namesKept: number;
  readonly namesLost: number;
}

/** @internal Every choice made, and the counts so far. */
export class Crash {
  readonly keep: "some" | "none" | "all";
  readonly tear: "sector" | "byte" | "never";
  readonly names: "prefix" | "any";
  readonly order: "made" | "any";
  readonly room: "zeros" | "remains";
  readonly chooser: Chooser;
  readonly counts: { kept: number; lost: number; torn: number; namesKept: number; namesLost: number };

  constructor(options: CrashOptions, chooser: Chooser) {
    this.keep = options.keep ?? "some";
    this.tear = options.tear ?? "sector";
    this.names = options.names ?? "prefix";
    this.order = options.order ?? "made";
    this.room = options.room ?? "zeros";
    this.chooser = options.chooser ?? chooser;
    this.counts = { kept: 0, lost: 0, torn: 0, namesKept: 0, namesLost: 0 };
  }
}
