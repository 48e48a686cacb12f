/** What went wrong, as it is told to people: one message, what to do next, and the exit code. Never a stack. */
import { basename, dirname } from "node:path";
import type { WalError } from "../index.ts";
import { exitCode } from "./exit-code.ts";
import { printableLines, shellWord } from "./printable.ts";

/** A mistake, or a refusal, that a command tells of in its own words. */
export class CliError extends Error {
  readonly exit: number;
  /** What to do next. */
  readonly next: string | undefined;

  constructor(exit: number, message: string, next?: string) {
    super(message);
    this.name = "CliError";
    this.exit = exit;
    this.next = next;
  }
}

export function usageError(message: string, next?: string): CliError {
  return new CliError(exitCode.usage, message, next);
}

export function outputFailure(error: NodeJS.ErrnoException): CliError {
  return new CliError(
    exitCode.system,
    `standard output could not be written: ${error.message}.`,
    "What stands there is not the whole of it. Make room, or write it elsewhere, and do it again.",
  );
}

export interface Failure {
  readonly exit: number;
  /** Safe to show. */
  readonly message: string;
  readonly next: string | undefined;
}

export function failureOf(error: unknown): Failure {
  const { exit, message, next } = plainFailureOf(error);
  return { exit, message: printableLines(message), next: next === undefined ? next : printableLines(next) };
}

function plainFailureOf(error: unknown): Failure {
  if (error instanceof CliError) return { exit: error.exit, message: error.message, next: error.next };
  if (isWalError(error)) return walFailure(error);
  const errno = errnoOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (errno !== undefined) return { exit: exitOfErrno(errno), message, next: nextOfErrno(errno) };
  return {
    exit: exitCode.fault,
    message: `a fault of wal-db itself: ${message}`,
    next: "Please report it, with what WAL_DB_DEBUG=1 in the environment shows beside this.",
  };
}

/** By its name: `--help` and mistakes on the command line load no library. */
function isWalError(error: unknown): error is WalError {
  return error instanceof Error && error.name === "WalError";
}

function walFailure(error: WalError): Failure {
  const { message } = error;
  const path = error.path ?? "LOG";
  switch (error.code) {
    case "WAL_LOCKED":
      return {
        exit: exitCode.locked,
        message: `the log ${path} is held by another process.`,
        next: "Commands that only read (dump, stat, verify, tail, export) work beside it; to change the log, stop that process first. wal-db stat names it.",
      };
    case "WAL_CORRUPT":
      return corruptFailure(error);
    case "WAL_INVALID_ARGUMENT":
      return { exit: exitCode.usage, message, next: undefined };
    case "WAL_RECORD_TOO_LARGE":
      return {
        exit: exitCode.input,
        message,
        next: "Give a larger --max-record-size, here and wherever the log is opened.",
      };
    case "WAL_IO":
      return ioFailure(error);
    default:
      return { exit: exitCode.system, message, next: undefined };
  }
}

/** The library's own words speak of its options; here there are others. */
function corruptFailure({ message, path: place = "LOG", reason, offset, mark }: WalError): Failure {
  // Of a segment that is missing, the library names the file: the log is its folder.
  const path = reason === "missing-segment" ? dirname(place) : place;
  const word = shellWord(path);
  const look = `See what is there: wal-db verify ${word}, wal-db dump ${word}.`;
  if (reason === "segment-size") {
    return {
      exit: exitCode.usage,
      message: `${path} does not fit the segment size.`,
      next: "Give the size that the log was made with: --segment-size BYTES.",
    };
  }
  if (reason === "truncated") {
    return {
      exit: exitCode.corrupt,
      message: `${path}: that part of the log was dropped by its writer.`,
      next: "Do it again; without --from it begins at the head.",
    };
  }
  if (mark !== undefined && (offset ?? 0) < mark) {
    return {
      exit: exitCode.loss,
      message: `the log ${path} has lost acknowledged data: everything below ${mark} was on stable storage once, and it is intact up to ${offset ?? 0} only (${reasonText(reason, place)}).`,
      next: `Restore it from a copy, without its mark. ${look} wal-db repair ${word} shows how to go on without.`,
    };
  }
  // What is wrong with a directory is not for repair: the message says what to do.
  if (directoryReasons.includes(reason ?? "")) return { exit: exitCode.corrupt, message, next: undefined };
  return {
    exit: exitCode.corrupt,
    message: `the log ${path} is damaged at ${offset ?? 0} (${reasonText(reason, place)}).`,
    next: `${look} wal-db repair ${word} shows what can be done.`,
  };
}

function reasonText(reason: string | undefined, place: string): string {
  return reason === "missing-segment" ? `${basename(place)} is missing` : (reason ?? "damage");
}

const directoryReasons: readonly string[] = ["stray-segment", "torn-head", "head-past-end", "not-a-file"];

function ioFailure({ message, errno, cause }: WalError): Failure {
  // The system's own words, without hints for programs.
  const plain = errno !== undefined && cause instanceof Error ? cause.message : message;
  return { exit: exitOfErrno(errno), message: plain, next: nextOfErrno(errno) };
}

function exitOfErrno(errno: string | undefined): number {
  if (errno === "ENOENT" || errno === "ENOTDIR") return exitCode.missing;
  if (errno === "EACCES" || errno === "EPERM" || errno === "EROFS") return exitCode.permission;
  return exitCode.system;
}

const nextByErrno: Readonly<Record<string, string>> = {
  ENOENT: "Is the path right? A log is a file, or the directory of its segments.",
  EACCES: "Run it as the user whom the log belongs to.",
  EPERM: "Run it as the user whom the log belongs to.",
  ENOSPC: "Make room on that disk, and do it again.",
};

function nextOfErrno(errno: string | undefined): string | undefined {
  return errno === undefined ? undefined : nextByErrno[errno];
}

function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
