/** What went wrong, as it is told to people: one message, what to do next, and the exit code. Never a stack. */
import type { WalError } from "../index.ts";
import { exitCode } from "./exit-code.ts";
import { printableLines } from "./printable.ts";

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
      return { exit: exitOfDamage(error), message, next: nextOfDamage(error, path) };
    case "WAL_INVALID_ARGUMENT":
      return { exit: exitCode.usage, message, next: undefined };
    case "WAL_RECORD_TOO_LARGE":
      return {
        exit: exitCode.input,
        message,
        next: "Give a larger --max-record-size, here and wherever the log is opened.",
      };
    case "WAL_IO":
      return { exit: exitOfErrno(error.errno), message, next: nextOfErrno(error.errno) };
    default:
      return { exit: exitCode.system, message, next: undefined };
  }
}

function exitOfDamage({ mark, offset }: WalError): number {
  return mark !== undefined && (offset ?? 0) < mark ? exitCode.loss : exitCode.corrupt;
}

function nextOfDamage({ reason }: WalError, path: string): string {
  if (reason === "segment-size") return "Give the size that the log was made with: --segment-size BYTES.";
  if (reason === "truncated")
    return "The log's writer has dropped that part. Begin at its head: leave --from out.";
  return `See what is there: wal-db verify ${path}, wal-db dump ${path}. To go on from the intact part: wal-db repair ${path}.`;
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
