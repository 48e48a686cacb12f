/** What `--decode` names, as a function from bytes to a value. */
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { exitCode } from "./exit-code.ts";
import { CliError, usageError } from "./failure.ts";

/** Throws what it likes for bytes that are not of its form. */
export type Decode = (bytes: Uint8Array) => unknown;

/** Packages of the user's project; this one depends on neither. */
const packages: ReadonlyMap<string, string> = new Map([
  ["msgpack", "msgpackr"],
  ["cbor", "cbor-x"],
]);

export async function decoderOf(name: string): Promise<Decode> {
  if (name === "json") return (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  const packageName = packages.get(name);
  if (packageName !== undefined) return fromPackage(name, packageName);
  if (name.startsWith("pack-io:")) return fromFile(name.slice("pack-io:".length));
  throw usageError(`--decode is json, msgpack, cbor or pack-io:FILE; got "${name}".`);
}

async function fromPackage(name: string, packageName: string): Promise<Decode> {
  let path: string;
  try {
    path = createRequire(resolve("wal-db")).resolve(packageName);
  } catch {
    throw new CliError(
      exitCode.system,
      `--decode ${name} needs the package ${packageName}, which is not installed where you are.`,
      `In that folder: npm install ${packageName}`,
    );
  }
  const loaded = await load(path);
  if (hasDecode(loaded)) return (bytes) => loaded.decode(bytes);
  throw usageError(`${path} has no function decode: is it ${packageName}?`);
}

async function fromFile(file: string): Promise<Decode> {
  if (file === "") throw usageError("--decode pack-io:FILE needs the path of a module.");
  const loaded = await load(resolve(file));
  const codec = isObject(loaded) ? loaded["default"] : undefined;
  if (hasDecode(codec)) return (bytes) => codec.decode(bytes);
  throw usageError(
    `${file} does not export a codec by default: an object with decode(bytes).`,
    'Such as: import { struct, string, u64 } from "wal-db/pack-io"; export default struct({ id: u64, name: string });',
  );
}

async function load(path: string): Promise<unknown> {
  try {
    return (await import(pathToFileURL(path).href)) as unknown;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError(exitCode.system, `${path} could not be loaded: ${why}`);
  }
}

function hasDecode(value: unknown): value is { decode: Decode } {
  return isObject(value) && typeof value["decode"] === "function";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
