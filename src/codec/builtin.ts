/**
 * Modules of the runtime, fetched when a codec that needs one is made: who imports `wal-db/codecs` for the others
 * loads neither zlib nor crypto, and a browser can.
 */
import { WalError } from "../errors.ts";

/** @throws {WalError} WAL_UNSUPPORTED where there is no such module. */
export function builtin(name: `node:${string}`, codec: string): unknown {
  const runtime = (globalThis as { readonly process?: Runtime }).process;
  const found = runtime?.getBuiltinModule?.(name);
  if (typeof found === "object" && found !== null) return found;
  throw new WalError("WAL_UNSUPPORTED", `${codec} needs ${name}, which this runtime does not have.`);
}

interface Runtime {
  getBuiltinModule?(name: string): unknown;
}
