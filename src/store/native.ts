/**
 * The one door to native code: koffi, a foreign function interface that runs on Node, Bun and Deno
 * alike and brings its binaries as packages (no install script need run). Loaded when first needed.
 */
import { createRequire } from "node:module";
import { messageOf, WalError } from "../errors.ts";

/** A function of a library; `async` runs it off the thread. */
export interface NativeFunction {
  (...args: unknown[]): unknown;
  async(...args: unknown[]): void;
}

/** What this library uses of koffi. */
export interface Koffi {
  /** Null: what the process itself has loaded, the C library among it. */
  load(library: string | null): { func(signature: string): NativeFunction };
  /** The memory at a pointer, not copied. Whoever holds it after the memory is gone reads what is not his. */
  view(pointer: unknown, length: number): ArrayBuffer;
  errno(): number;
  os: { errno: Record<string, number> };
}

let loaded: Koffi | undefined;

/** @throws {WalError} WAL_UNSUPPORTED when there is no build of koffi for this platform. */
export function koffi(): Koffi {
  if (loaded !== undefined) return loaded;
  try {
    loaded = createRequire(import.meta.url)("koffi") as Koffi;
    return loaded;
  } catch (error) {
    throw new WalError(
      "WAL_UNSUPPORTED",
      `The native part of this library could not be loaded on ${process.platform}-${process.arch} ` +
        `(${messageOf(error)}). Without it a log can be opened with lock: false, when nothing else opens it.`,
      { cause: error },
    );
  }
}
