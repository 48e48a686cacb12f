/**
 * The stores that belong to open logs: how they are opened, taken for one log alone, and given back.
 *
 * Knows nothing of files: index.ts gives it the stores that live on them, and what the platform tells
 * of threads.
 */
import { asIoError, invalidArgument, WalError } from "./errors.ts";
import { joinedLookMilliseconds, joinedWaitMillisecondsMax } from "./limits.ts";
import type { OpenSettings } from "./options.ts";
import { MemStore } from "./store/mem-store.ts";
import { storeFault, type WalStore } from "./store/store.ts";
import { type Threads, unknownThreads } from "./threads.ts";

/** Opens the stores that live on files. Not in a browser: see index.ts. */
export interface FileStores {
  /** As stores name it: absolute. Throws WAL_INVALID_ARGUMENT when it is no path. */
  pathOf(path: string | URL): string;
  openFile(path: string | URL, settings: OpenSettings): WalStore;
  openSegmented(dir: string | URL, settings: OpenSettings): WalStore;
  /** The store that another thread has shared; null when it is of no kind known here. */
  attach(share: unknown): WalStore | null;
  readonly threads: Threads;
}

let fileStores: FileStores | undefined;

/** Called once, by index.ts. */
export function provideFileStores(stores: FileStores): void {
  fileStores = stores;
}

/** @throws {WalError} WAL_UNSUPPORTED where nothing is known of files. */
export function filesHere(): FileStores {
  if (fileStores !== undefined) return fileStores;
  throw new WalError(
    "WAL_UNSUPPORTED",
    "This build has no stores on files. Import Wal from the package itself, or use Wal.withStore.",
  );
}

export function threadsHere(): Threads {
  return fileStores?.threads ?? unknownThreads;
}

/** @throws {WalError} WAL_UNSUPPORTED when this build has no store of that kind. */
export function attachStore(share: unknown): WalStore {
  const store = MemStore.attach(share) ?? fileStores?.attach(share);
  if (store !== null && store !== undefined) return store;
  throw new WalError(
    "WAL_UNSUPPORTED",
    "This build has no store of the kind that was shared. Import Wal from the package itself.",
  );
}

export function checkStore(store: WalStore): void {
  const fault = storeFault(store);
  if (fault !== null) throw invalidArgument(`Not a WalStore: ${fault}.`);
}

/** Stores that belong to an open Wal. Another Wal on one of them would overwrite its records. */
const inUse = new WeakSet<WalStore>();

/** Takes a store for a log: kept from other logs in this process, and locked where it can be. */
export function take(store: WalStore, settings: OpenSettings): void {
  if (inUse.has(store)) {
    throw new WalError("WAL_LOCKED", "This store belongs to an open log already. Close that one first.", {
      path: store.path,
    });
  }
  inUse.add(store);
  if (!settings.lock || settings.readOnly) return;
  try {
    store.side?.lock?.();
  } catch (error) {
    abandon(store);
    throw asIoError(error, "Locking the log failed", { path: store.path });
  }
}

/** How long an open waits for threads that had joined an owner that died. */
interface Outwaiting {
  readonly signal?: AbortSignal | undefined;
  readonly lock?: boolean;
  readonly readOnly?: boolean;
}

/**
 * With the log's lock: waits a while until no thread that had joined an owner that died can write any more.
 *
 * @throws {WalError} WAL_LOCKED, `reason` `joined-threads`, when some are still there then.
 */
export async function outwaitJoined(store: WalStore, waiting: Outwaiting = {}): Promise<void> {
  if (!hasLookout(store, waiting)) return;
  const until = threadsHere().now() + joinedWaitMillisecondsMax;
  while (isHeldByJoined(store, waiting.signal, until)) {
    await new Promise((resolve) => setTimeout(resolve, joinedLookMilliseconds));
  }
}

/** As {@link outwaitJoined}, blocking the thread. */
export function outwaitJoinedBlocking(store: WalStore, waiting: Outwaiting = {}): void {
  if (!hasLookout(store, waiting)) return;
  const until = threadsHere().now() + joinedWaitMillisecondsMax;
  while (isHeldByJoined(store, waiting.signal, until)) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, joinedLookMilliseconds);
  }
}

function hasLookout(store: WalStore, { lock = true, readOnly = false }: Outwaiting): boolean {
  return lock && !readOnly && store.side?.heldByJoined !== undefined;
}

function isHeldByJoined(store: WalStore, signal: AbortSignal | undefined, until: number): boolean {
  if (!looksHeld(store)) return false;
  signal?.throwIfAborted();
  if (threadsHere().now() < until) return true;
  const { path } = store;
  throw new WalError(
    "WAL_LOCKED",
    `The thread that had opened the log${path === undefined ? "" : ` ${path}`} died, and threads that had joined it ` +
      "still have it open. Close it in them, or terminate them; then open it again, and share it anew.",
    { path, reason: "joined-threads" },
  );
}

function looksHeld(store: WalStore): boolean {
  try {
    return store.side?.heldByJoined?.() ?? false;
  } catch (error) {
    throw asIoError(error, "Looking for threads that had joined the log failed", { path: store.path });
  }
}

/** The same for a log that was joined: the lock is its owner's. */
export function takeJoined(store: WalStore): void {
  inUse.add(store);
}

export function giveBack(store: WalStore): void {
  inUse.delete(store);
  try {
    store.close();
  } catch (error) {
    throw asIoError(error, "Closing the log failed", { path: store.path });
  }
}

/** After an open that failed: what it failed with is what its caller must learn. */
export function abandon(store: WalStore): void {
  try {
    giveBack(store);
  } catch {
    return;
  }
}
