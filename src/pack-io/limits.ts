/** How much a call may be made to allocate, and how deep it may go. */
import { checkKeys } from "../arguments.ts";
import { invalidArgument, shown } from "../errors.ts";
import { packIoDepthMaxDefault, packIoLengthMaxCeiling, packIoLengthMaxDefault } from "../limits.ts";

/** Bounds on what is decoded, and on what is encoded: what cannot be read back is not written. */
export interface PackIoLimits {
  /**
   * The largest length that may stand in the bytes: of a string, bytes or a versioned struct in bytes, of a list, map or
   * set in elements. Default 1 GiB, at most 4 GiB - 1. However large it is, a length is also held against the bytes that are there.
   */
  readonly allocationCap?: number | undefined;
  /** How many `lazy` codecs may stand one within the other. Default 256. */
  readonly maxDepth?: number | undefined;
}

/** Checked and complete. */
export interface Limits {
  readonly allocationCap: number;
  readonly maxDepth: number;
}

export const limitsDefault: Limits = {
  allocationCap: packIoLengthMaxDefault,
  maxDepth: packIoDepthMaxDefault,
};

/** @throws {WalError} WAL_INVALID_ARGUMENT naming the option. */
export function limitsOf(given: PackIoLimits): Limits {
  if (typeof given !== "object" || given === null) {
    throw invalidArgument(`Limits are an object; got ${shown(given)}.`);
  }
  checkKeys("PackIoLimits", given, ["allocationCap", "maxDepth"]);
  const { allocationCap = packIoLengthMaxDefault, maxDepth = packIoDepthMaxDefault } = given;
  checkWhole("allocationCap", allocationCap, 1, packIoLengthMaxCeiling);
  checkWhole("maxDepth", maxDepth, 0, Number.MAX_SAFE_INTEGER);
  return { allocationCap, maxDepth };
}

function checkWhole(name: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw invalidArgument(`${name} is a whole number from ${min} to ${max}; got ${shown(value)}.`);
}
