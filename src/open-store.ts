/**
 * The stores that belong to open logs: how they are opened, taken for one log alone, and given back.
 *
 * Knows nothing of files: index.ts gives it the stores that live on them, and what the platform tells
 * of threads.
 */
import { asIoError, invalidArgument, WalError } from "./errors.ts";
import type { OpenSettings } from "./options.ts";
import { MemStore } from "./store/mem-store.ts";
import { storeFault, type WalStore } from "./store/store.ts";
import { type Threads, unknownThreads } from "./threads.ts";

/** Opens the stores that live on files. Not in a browser: see index.ts. */
export interface FileStores {
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
