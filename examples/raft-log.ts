/**
 * The log of a Raft node: terms, the conflict rule that cuts a suffix off, and compaction, which
 * drops a prefix. (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm",
 * USENIX ATC 2014, sections 5.3 and 7.)
 *
 * The first record stands for what lies before the log: index 0, term 0 in a new one, the last entry
 * that the snapshot covers after a compaction. So every entry has one before it, and a conflict on the
 * very first entry is a `truncateAfter` like any other.
 *
 * Run: node build/examples/raft-log.js [folder]
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Lsn, Wal } from "wal-db";

export interface Entry {
  readonly index: number;
  readonly term: number;
  readonly command: string;
}

interface Place {
  readonly term: number;
  readonly lsn: Lsn;
}

export class RaftLog {
  readonly #wal: Wal;
  /** Where each entry stands; the first is the one that stands for what lies before. */
  readonly #places: Place[] = [];
  #firstIndex = 0;

  private constructor(wal: Wal) {
    this.#wal = wal;
  }

  static async open(dir: string): Promise<RaftLog> {
    const wal = await Wal.openSegmented(dir, { segmentSize: 4096 });
    if (wal.isEmpty) await wal.appendAndSync(JSON.stringify({ index: 0, term: 0, command: "" }));
    const log = new RaftLog(wal);
    for await (const record of wal) {
      const entry = JSON.parse(record.text()) as Entry;
      if (log.#places.length === 0) log.#firstIndex = entry.index;
      log.#places.push({ term: entry.term, lsn: record.lsn });
    }
    return log;
  }

  get firstIndex(): number {
    return this.#firstIndex;
  }

  get lastIndex(): number {
    return this.#firstIndex + this.#places.length - 1;
  }

  termAt(index: number): number | undefined {
    return this.#places[index - this.#firstIndex]?.term;
  }

  entry(index: number): Entry {
    return JSON.parse(this.#wal.read(this.#place(index).lsn).text()) as Entry;
  }

  /**
   * What a follower does with AppendEntries: false when it lacks the entry before; else whatever
   * conflicts is cut off, what is new is appended, and all of it is durable when this resolves.
   */
  async accept(previousIndex: number, previousTerm: number, entries: readonly Entry[]): Promise<boolean> {
    if (this.termAt(previousIndex) !== previousTerm) return false;
    const from = entries.findIndex((entry) => this.termAt(entry.index) !== entry.term);
    const first = entries[from];
    if (first === undefined) return true;
    if (first.index <= this.lastIndex) await this.#cutAfter(first.index - 1);
    const fresh = entries.slice(from);
    const lsns = this.#wal.appendBatch(fresh.map((entry) => JSON.stringify(entry)));
    fresh.forEach((entry, i) => this.#places.push({ term: entry.term, lsn: lsns[i] ?? this.#wal.end }));
    await this.#wal.sync();
    return true;
  }

  /** Drops what a snapshot up to and with `index` covers; the entry itself stays as the first record. */
  async compact(index: number): Promise<void> {
    await this.#wal.truncateBefore(this.#place(index).lsn);
    this.#places.splice(0, index - this.#firstIndex);
    this.#firstIndex = index;
  }

  async close(): Promise<void> {
    await this.#wal.close();
  }

  async #cutAfter(index: number): Promise<void> {
    await this.#wal.truncateAfter(this.#place(index).lsn);
    this.#places.length = index - this.#firstIndex + 1;
  }

  #place(index: number): Place {
    const place = this.#places[index - this.#firstIndex];
    if (place === undefined)
      throw new RangeError(`no entry ${index}: ${this.#firstIndex} to ${this.lastIndex}`);
    return place;
  }
}

function entriesOf(term: number, from: number, count: number): Entry[] {
  return Array.from({ length: count }, (_, i) => ({
    index: from + i,
    term,
    command: `set x ${term}.${from + i}`,
  }));
}

async function main(dir: string): Promise<void> {
  let log = await RaftLog.open(dir);
  assert.equal(await log.accept(0, 0, entriesOf(1, 1, 200)), true);
  assert.equal(await log.accept(500, 1, entriesOf(1, 501, 1)), false, "an entry before it is missing");

  // A leader of term 2 never saw 151 to 200: they go, and its own take their place.
  assert.equal(await log.accept(150, 1, entriesOf(2, 151, 20)), true);
  assert.equal(log.lastIndex, 170);
  assert.equal(log.entry(151).command, "set x 2.151");
  console.log(
    `after the conflict: entries 1 to ${log.lastIndex}, the last of term ${log.termAt(log.lastIndex)}`,
  );

  await log.compact(100);
  await log.close();
  log = await RaftLog.open(dir);
  assert.equal(log.firstIndex, 100);
  assert.equal(log.lastIndex, 170);
  assert.equal(log.termAt(150), 1);
  assert.equal(log.termAt(151), 2);

  // A conflict on the first entry after the snapshot.
  assert.equal(await log.accept(100, 1, entriesOf(3, 101, 5)), true);
  assert.equal(log.lastIndex, 105);
  await log.close();
  log = await RaftLog.open(dir);
  assert.deepEqual([log.firstIndex, log.lastIndex, log.termAt(105)], [100, 105, 3]);
  console.log(`after compaction and a restart: entries ${log.firstIndex + 1} to ${log.lastIndex}`);
  await log.close();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const given = process.argv[2];
  const dir = given ?? mkdtempSync(join(tmpdir(), "wal-db-raft-"));
  try {
    await main(dir);
  } finally {
    if (given === undefined) rmSync(dir, { recursive: true, force: true });
  }
}
