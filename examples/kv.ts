/**
 * A key-value store on the log, the way an engine does it: the state in memory, every change through
 * the log before it is acknowledged, a snapshot from time to time, and what the snapshot covers
 * dropped from the log.
 *
 *   restart = the newest snapshot, then the records from its LSN on
 *
 * A crash between the snapshot and the drop leaves records that the snapshot covers: they are below
 * the LSN that it names, so they are not replayed.
 *
 * Run: node build/examples/kv.js [folder]
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Lsn, Wal } from "wal-db";

type Change = { readonly set: string; readonly value: string } | { readonly remove: string };

export class KeyValueStore {
  readonly #dir: string;
  readonly #wal: Wal;
  readonly #state: Map<string, string>;
  /** Records from here on are not in the snapshot. */
  #covered: Lsn;

  private constructor(dir: string, wal: Wal, state: Map<string, string>, covered: Lsn) {
    this.#dir = dir;
    this.#wal = wal;
    this.#state = state;
    this.#covered = covered;
  }

  static async open(dir: string): Promise<KeyValueStore> {
    mkdirSync(dir, { recursive: true });
    const wal = await Wal.openSegmented(join(dir, "log"), { segmentSize: 64 * 1024 });
    const { state, covered } = readSnapshot(dir);
    const store = new KeyValueStore(dir, wal, state, covered);
    for await (const record of wal.iter({ from: Lsn(Math.max(covered, wal.head)) })) {
      store.#apply(JSON.parse(record.text()) as Change);
    }
    return store;
  }

  get(key: string): string | undefined {
    return this.#state.get(key);
  }

  get size(): number {
    return this.#state.size;
  }

  /** Resolves once the change would survive a power cut. */
  async set(key: string, value: string): Promise<void> {
    await this.#commit({ set: key, value });
  }

  async remove(key: string): Promise<void> {
    await this.#commit({ remove: key });
  }

  /** Writes a snapshot, and drops from the log what it covers. */
  async checkpoint(): Promise<void> {
    const covered = this.#wal.end;
    const state = JSON.stringify({ covered, entries: [...this.#state] });
    // What the snapshot holds must not be newer than what the log can give back.
    await this.#wal.sync();
    await writeDurably(this.#dir, snapshotName(covered), state);
    for (const name of snapshotsIn(this.#dir)) {
      if (name !== snapshotName(covered)) await rm(join(this.#dir, name));
    }
    this.#covered = covered;
    await this.#wal.retain({ before: this.#covered });
  }

  async close(): Promise<void> {
    await this.#wal.close();
  }

  /**
   * The order in the log is the order in memory: both happen before anything is waited for. A change
   * that the log does not take (a full disk) throws before the state has changed.
   */
  async #commit(change: Change): Promise<void> {
    this.#wal.append(JSON.stringify(change));
    this.#apply(change);
    await this.#wal.sync();
  }

  #apply(change: Change): void {
    if ("set" in change) this.#state.set(change.set, change.value);
    else this.#state.delete(change.remove);
  }
}

function snapshotName(covered: Lsn): string {
  return `snapshot-${String(covered).padStart(16, "0")}.json`;
}

function snapshotsIn(dir: string): string[] {
  return readdirSync(dir)
    .filter((name) => /^snapshot-\d{16}\.json$/.test(name))
    .toSorted();
}

function readSnapshot(dir: string): { state: Map<string, string>; covered: Lsn } {
  const newest = snapshotsIn(dir).at(-1);
  if (newest === undefined) return { state: new Map(), covered: Lsn(0) };
  const { covered, entries } = JSON.parse(readFileSync(join(dir, newest), "utf8")) as {
    covered: number;
    entries: [string, string][];
  };
  return { state: new Map(entries), covered: Lsn(covered) };
}

/** Whole or not at all: a temporary file, flushed, then renamed, then the folder flushed. */
async function writeDurably(dir: string, name: string, text: string): Promise<void> {
  const temporary = join(dir, `${name}.tmp`);
  const file = await open(temporary, "w");
  await file.writeFile(text);
  await file.sync();
  await file.close();
  await rename(temporary, join(dir, name));
  const folder = await open(dir, "r");
  await folder.sync();
  await folder.close();
}

async function main(dir: string): Promise<void> {
  let store = await KeyValueStore.open(dir);
  for (let round = 0; round < 3; round++) {
    await Promise.all(
      Array.from({ length: 500 }, (_, i) => store.set(`key-${i}`, `round ${round}, ${"x".repeat(100)}`)),
    );
    await store.remove(`key-${round}`);
    await store.checkpoint();
    await store.set("after", `checkpoint ${round}`);
    await store.close();
    store = await KeyValueStore.open(dir);
    assert.equal(store.get("after"), `checkpoint ${round}`);
    assert.equal(store.get(`key-${round}`), undefined);
    assert.match(store.get("key-499") ?? "", new RegExp(`^round ${round}`));
    console.log(
      `round ${round}: ${store.size} keys, ${readdirSync(join(dir, "log")).length} files in the log`,
    );
  }
  await store.close();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const given = process.argv[2];
  const dir = given ?? mkdtempSync(join(tmpdir(), "wal-db-kv-"));
  try {
    await main(dir);
  } finally {
    if (given === undefined) rmSync(dir, { recursive: true, force: true });
  }
}
