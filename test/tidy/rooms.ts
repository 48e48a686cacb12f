/**
 * The rooms of src/, from the ground up, and the rules between them. Each check returns the breaches
 * it finds, in words, so that it can be shown to find them.
 */
import type { Texts } from "../support/source-files.js";
import { importsOf } from "./imports.js";

/** A room imports only rooms before it, and itself. A folder is one room; so is a file beside them. */
const rooms: readonly string[] = [
  "src/lsn.ts",
  "src/errors.ts",
  "src/limits.ts",
  "src/bytes.ts",
  "src/zeros.ts",
  "src/true-bytes.ts",
  "src/arguments.ts",
  "src/threads.ts",
  "src/codec",
  "src/codecs.ts",
  "src/record",
  "src/store",
  "src/commit",
  "src/recovery",
  "src/read",
  "src/truncation",
  "src/append",
  "src/pack-io",
  "src/typed",
  "src/diagnostics",
  "src/options.ts",
  "src/open-store.ts",
  "src/share",
  "src/convert.ts",
  "src/inspect.ts",
  "src/wal.ts",
  "src/files.ts",
  "src/index.ts",
  "src/mapped.ts",
  "src/testing",
  "src/cli",
];

/** What a browser can load: no import of `node:`, and none of a file that has one. */
const withoutNode: readonly string[] = [
  "src/lsn.ts",
  "src/errors.ts",
  "src/limits.ts",
  "src/bytes.ts",
  "src/zeros.ts",
  "src/true-bytes.ts",
  "src/arguments.ts",
  "src/threads.ts",
  "src/codec/",
  "src/codecs.ts",
  "src/record/",
  "src/store/store.ts",
  "src/store/store-io.ts",
  "src/store/mem-store.ts",
  "src/store/shared-bytes.ts",
  "src/store/disk.ts",
  "src/commit/",
  "src/recovery/",
  "src/read/",
  "src/truncation/",
  "src/append/",
  "src/pack-io/",
  "src/typed/",
  "src/diagnostics/channels.ts",
  "src/diagnostics/flush-meter.ts",
  "src/diagnostics/histogram.ts",
  "src/diagnostics/log-reporter.ts",
  "src/diagnostics/messages.ts",
  "src/options.ts",
  "src/open-store.ts",
  "src/share/",
  "src/wal.ts",
];

/** All that `wal-db/testing` may import of the library: what users have, and the disk under the file stores. */
const openToTesting: readonly string[] = [
  "src/index.ts",
  "src/store/disk.ts",
  "src/store/file-store.ts",
  "src/store/segmented-store.ts",
];

/** All that the command line may import of the library: what users import by name. */
const openToCli: readonly string[] = ["src/index.ts", "src/mapped.ts"];

const mayImportNodeFs = "src/store/node-disk.ts";
const mayLoadNativeCode = "src/store/native.ts";

function roomOf(file: string): number {
  return rooms.findIndex((room) => file === room || file.startsWith(`${room}/`));
}

/** A command is a program like any other: it reads standard input, and lists a directory. */
function mayUseFs(file: string): boolean {
  return file === mayImportNodeFs || file.startsWith("src/cli/");
}

function isBare(file: string): boolean {
  return withoutNode.some((each) => file === each || (each.endsWith("/") && file.startsWith(each)));
}

export function roomBreaches(sources: Texts): string[] {
  const breaches: string[] = [];
  for (const file of sources.keys()) {
    if (roomOf(file) < 0) breaches.push(`${file} is in no room that test/tidy/rooms.ts knows`);
  }
  for (const { from, to } of importsOf(sources)) {
    if (!to.startsWith("src/") || roomOf(from) < 0) continue;
    if (!sources.has(to)) breaches.push(`${from} imports ${to}, which is not there`);
    else if (roomOf(to) > roomOf(from)) breaches.push(`${from} imports ${to}, of a room above its own`);
  }
  return breaches;
}

export function testingBreaches(sources: Texts): string[] {
  return importsOf(sources)
    .filter(({ from, to }) => from.startsWith("src/testing/") && !to.startsWith("src/testing/"))
    .filter(({ to }) => !openToTesting.includes(to))
    .map(({ from, to }) => `${from} imports ${to}, which users cannot`);
}

export function cliBreaches(sources: Texts): string[] {
  return importsOf(sources)
    .filter(({ from, to }) => from.startsWith("src/cli/") && !to.startsWith("src/cli/"))
    .filter(({ to }) => !openToCli.includes(to) && !to.startsWith("node:"))
    .map(({ from, to }) => `${from} imports ${to}, which users cannot`);
}

export function nodeBreaches(sources: Texts): string[] {
  const breaches: string[] = [];
  for (const { from, to } of importsOf(sources)) {
    if (/^(?:node:)?fs(?:\/|$)/.test(to) && !mayUseFs(from)) breaches.push(`${from} imports ${to}`);
    else if (to.startsWith("node:") && isBare(from)) breaches.push(`${from} imports ${to}`);
    else if (to.startsWith("src/") && isBare(from) && !isBare(to)) {
      breaches.push(`${from} imports ${to}, which may use Node`);
    } else if (!to.startsWith("src/") && !to.startsWith("node:")) breaches.push(`${from} imports ${to}`);
  }
  return breaches;
}

/** The command line asks `createRequire` where a package of the user's project is; it loads nothing so. */
function nativeCode(file: string): RegExp {
  return file === "src/cli/decoder.ts" ? /["'`]koffi["'`]|dlopen/ : /["'`]koffi["'`]|createRequire|dlopen/;
}

export function nativeBreaches(sources: Texts): string[] {
  return [...sources]
    .filter(([file, text]) => file !== mayLoadNativeCode && nativeCode(file).test(text))
    .map(([file]) => `${file} loads native code`);
}
