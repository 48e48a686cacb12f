/**
 * The power cut of a mapped log, on the bytes. No flush orders the pages past the last sync: the system writes
 * each when it likes, as it stands then, or not at all; it may keep the name of a new segment and not its
 * size. So each page past the last sync is made up as it may have been at any moment since, down to the byte a
 * copy had come to, each on its own; each new segment gets any size, or goes. What was synced must be there,
 * what is found must be what was appended, from the front, and the log must go on from there.
 *
 * WAL_DB_PAGES_SEED repeats a run; WAL_DB_LONG=1 makes many more.
 */
import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { SegmentedStore, Wal, type WalStore } from "wal-db";
import { MappedStore } from "wal-db/mapped";
import { segmentName } from "#internal/store/segment-name.js";
import { Random } from "#internal/testing/random.js";
import { fastScratchDir } from "../support/scratch.ts";

const pageBytes = 4096;
const rounds = process.env["WAL_DB_LONG"] === "1" ? 3000 : 120;
const seed = Number(process.env["WAL_DB_PAGES_SEED"] ?? Math.floor(Math.random() * 0x1_0000_0000));

/** A page multiple, one that is none, and one below a page. */
const segmentSizes = [16_384, 10_007, 1_000] as const;

const openMapped = (dir: string, size: number): WalStore => MappedStore.open(dir, size);
const openSegmented = (dir: string, size: number): WalStore => SegmentedStore.open(dir, size);

interface Written {
  readonly dir: string;
  readonly segmentSize: number;
  readonly texts: readonly string[];
  /** Records, and bytes, that were synced. */
  readonly synced: number;
  readonly durable: number;
}

async function write(t: TestContext, random: Random, segmentSize: number): Promise<Written> {
  const dir = join(fastScratchDir(t), "log");
  const wal = await Wal.withStore(MappedStore.open(dir, segmentSize));
  const texts: string[] = [];
  const some = (count: number): void => {
    for (let n = 0; n < count; n++) {
      const length = random.next(10) === 0 ? random.next(40_000) : random.next(700);
      texts.push(`${texts.length} `.padEnd(length, String.fromCharCode(48 + random.next(70))));
      wal.append(texts.at(-1) ?? "");
    }
  };
  some(1 + random.next(30));
  await wal.sync();
  const [synced, durable] = [texts.length, wal.durable];
  cpSync(join(dir, "mark"), `${dir}-mark`);
  some(1 + random.next(40));
  // The next segment is made in a later turn.
  await new Promise((resolve) => setImmediate(resolve));
  cpSync(dir, `${dir}-cut`, { recursive: true });
  cpSync(`${dir}-mark`, join(`${dir}-cut`, "mark"));
  await wal.close();
  return { dir: `${dir}-cut`, segmentSize, texts, synced, durable };
}

function cutPower({ dir, segmentSize, durable }: Written, random: Random): void {
  const names = readdirSync(dir).filter((name) => name.endsWith(".wal"));
  for (const name of names.toSorted()) {
    const start = Number(name.slice(0, -4)) * segmentSize;
    if (start + segmentSize <= durable) continue;
    const path = join(dir, name);
    writeFileSync(path, asLeft(readFileSync(path), Math.max(0, durable - start), random));
    if (start >= durable) cutNew(path, random);
  }
}

/** The bytes of a segment, whose first `kept` were flushed. */
function asLeft(bytes: Uint8Array, kept: number, random: Random): Uint8Array {
  const left = Uint8Array.from(bytes);
  for (let page = 0; page < left.length; page += pageBytes) {
    const until = [page, page + pageBytes, page + random.next(pageBytes)][random.next(3)] ?? page;
    left.fill(0, Math.max(kept, until), page + pageBytes > kept ? page + pageBytes : page);
  }
  return left;
}

function cutNew(path: string, random: Random): void {
  const { size } = statSync(path);
  const fate = random.next(4);
  if (fate === 0) rmSync(path);
  else if (fate === 1) truncateSync(path, random.next(size + 1));
}

async function check(written: Written, open: (dir: string, size: number) => WalStore): Promise<number> {
  const { dir, segmentSize, texts, synced, durable } = written;
  const wal = await Wal.withStore(open(dir, segmentSize));
  assert.ok(wal.end >= durable, `the log ends at ${wal.end}, and was synced up to ${durable}`);
  const found = Array.from(wal, (record) => record.text());
  assert.ok(found.length >= synced, `${found.length} of ${synced} records that were synced`);
  assert.deepEqual(found, texts.slice(0, found.length));
  wal.append("on");
  await wal.close();
  const again = await Wal.withStore(SegmentedStore.open(dir, segmentSize), { verify: "full" });
  assert.equal(again.recovery.damage, null);
  assert.deepEqual(
    Array.from(again, (record) => record.text()),
    [...found, "on"],
  );
  await again.close();
  return found.length - synced;
}

test(`any pages past the last sync, as they may have been at any moment (seed ${seed})`, async (t) => {
  const random = new Random(seed);
  let beyond = 0;
  for (let round = 0; round < rounds; round++) {
    const segmentSize = segmentSizes[round % segmentSizes.length] ?? 1000;
    const written = await write(t, random, segmentSize);
    cutPower(written, random);
    const open = random.next(2) === 0 ? openMapped : openSegmented;
    try {
      beyond += await check(written, open);
    } catch (error) {
      throw new Error(`round ${round}, segments of ${segmentSize} bytes, seed ${seed}`, { cause: error });
    }
    rmSync(written.dir, { recursive: true });
  }
  assert.ok(beyond > 0, "not one record past the last sync was found in any round");
});

test("the cut takes pages that were synced: then it is found out", async (t) => {
  const random = new Random(3);
  const written = await write(t, random, 16_384);
  writeFileSync(join(written.dir, segmentName(0)), new Uint8Array(Math.min(16_384, written.durable)));
  await assert.rejects(check(written, openMapped), { code: "WAL_CORRUPT" });
});
