/**
 * A fault on its way out. It is thrown where something is wrong, and each part of the schema that it passes puts
 * its own name in front of the path; at the end it becomes a PackIoError. So the path costs nothing as long as
 * nothing is wrong.
 */
import { shown } from "../errors.ts";
import { packIoFreeSlotsMax } from "../limits.ts";
import { PackIoError, type PackIoErrorKind } from "./error.ts";

export class Fault extends Error {
  readonly kind: PackIoErrorKind;
  readonly offset: number;
  path = "";

  constructor(kind: PackIoErrorKind, offset: number, what: string) {
    super(what);
    this.kind = kind;
    this.offset = offset;
  }

  /** @param doing "decode" or "encode". */
  toError(doing: string): PackIoError {
    const field = this.path.startsWith(".") ? this.path.slice(1) : this.path;
    const where = field === "" ? `byte ${this.offset}` : `byte ${this.offset}, in ${field}`;
    return new PackIoError(this.kind, `Cannot ${doing}, ${this.kind} at ${where}: ${this.message}`, {
      offset: this.offset,
      field,
    });
  }
}

/** Whatever was thrown, with `segment` in front of its path if it is a fault. */
export function within(error: unknown, segment: string): unknown {
  if (error instanceof Fault) error.path = segment + error.path;
  return error;
}

export function tooDeep(at: number, maxDepth: number): Fault {
  return new Fault("InvalidLength", at, `nested deeper than ${maxDepth}.`);
}

export function tooManyFree(at: number): Fault {
  return new Fault("InvalidLength", at, `more than ${packIoFreeSlotsMax} places for what takes no bytes.`);
}

const briefLength = 60;

/** A value for a message: no more of it than one wants to read. */
export function brief(value: unknown): string {
  if (typeof value === "bigint") {
    return BigInt.asIntN(160, value) === value ? `${value}n` : "a bigint of more than 160 bits";
  }
  if (typeof value === "string" && value.length > briefLength) {
    return `${shown(value.slice(0, briefLength))} and so on`;
  }
  return shown(value);
}

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** How a path names a field. */
export function segmentOf(name: string): string {
  return identifier.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}
