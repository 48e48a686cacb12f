import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { convert, type ConvertOptions, type Lsn, Wal } from "wal-db";
import { folderImage } from "../support/folder-image.ts";
import { logOf } from "../support/plain-format.ts";
import { fastScratchDir, scratchDir } from "../support/scratch.ts";
import { convertAt } from "../support/convert-checks.ts";
import { endings } from "../support/simulated-log.ts";
import { walFault } from "../support/wal-fault.ts";

const texts = Array.from({ length: 30 }, (_, i) => `record ${i}`.padEnd(10 + ((i * 7) % 40), "."));

/** Null: one file. */
type Layout = number | null;

const layouts: readonly Layout[] = [null, 1, 7, 64, 4096];

function openAs(path: string, layout: Layout): Wal {
  return layout === null
    ? Wal.openBlocking(path, { onDamage: "refuse", verify: "full" })
    : Wal.openSegmentedBlocking(path, { segmentSize: layout, onDamage: "refuse", verify: "full" });
}

function optionsOf(from: Layout, to: Layout): ConvertOptions {
  return { segmentSize: to ?? undefined, sourceSegmentSize: from ?? undefined };
}

function contentOf(wal: Wal): [number, string][] {
  return [...wal].map((record) => [record.lsn, record.text()]);
}

for (const from of layouts) {
  test(`from ${from ?? "one file"} to every layout: the same records at the same LSNs`, async (t) => {
    const dir = fastScratchDir(t);
    const source = join(dir, "source");
    const wal = openAs(source, from);
    wal.appendBatch(texts);
    const content = contentOf(wal);
    wal.closeBlocking();
    const before = from === null ? readFileSync(source, "latin1") : folderImage(source);
    for (const to of layouts) {
      const target = join(dir, `to-${to}`);
      const progress: number[] = [];
      const report = await convert(source, target, {
        ...optionsOf(from, to),
        onProgress: (done, total) => {
          assert.equal(total, 2 * (wal.end - wal.head));
          progress.push(done);
        },
      });
      assert.deepEqual({ ...report }, { records: texts.length, head: 0, end: wal.end, left: 0 });
      assert.deepEqual(
        progress,
        progress.toSorted((a, b) => a - b),
      );
      assert.equal(progress.at(-1), 2 * wal.end);
      const result = openAs(target, to);
      assert.deepEqual(contentOf(result), content);
      assert.equal(result.append("goes on"), wal.end);
      result.closeBlocking();
      assert.deepEqual(from === null ? readFileSync(source, "latin1") : folderImage(source), before);
      assert.equal(existsSync(`${target}.converting`), false);
    }
  });
}

test("a log whose front was dropped keeps its LSNs in segments, and becomes a file only rebased", async (t) => {
  const dir = scratchDir(t);
  const source = join(dir, "source");
  const wal = openAs(source, 64);
  const lsns = wal.appendBatch(texts);
  wal.truncateBeforeBlocking(lsns[20] as Lsn);
  const content = contentOf(wal);
  const { head } = wal;
  wal.closeBlocking();

  await convert(source, join(dir, "segments"), { segmentSize: 100 });
  const segments = openAs(join(dir, "segments"), 100);
  assert.deepEqual([segments.head, contentOf(segments)], [head, content]);
  segments.closeBlocking();

  await assert.rejects(convert(source, join(dir, "file")), walFault("WAL_INVALID_ARGUMENT", {}, /rebase/));
  assert.deepEqual(readdirSync(dir).toSorted(), ["segments", "source"]);
  const report = await convert(source, join(dir, "file"), { rebase: true });
  assert.deepEqual([report.head, report.records], [0, 10]);
  assert.deepEqual(new Uint8Array(readFileSync(join(dir, "file"))), logOf(texts.slice(20)));
});

test("an empty log converts to an empty log", async (t) => {
  const dir = scratchDir(t);
  openAs(join(dir, "source"), null).closeBlocking();
  const report = await convert(join(dir, "source"), join(dir, "target"), { segmentSize: 64 });
  assert.equal(report.records, 0);
  const wal = openAs(join(dir, "target"), 64);
  assert.equal(wal.isEmpty, true);
  wal.closeBlocking();
});

test("what a crash left at the end is not taken along, and said", async (t) => {
  const dir = scratchDir(t);
  const image = logOf(texts);
  writeFileSync(join(dir, "source"), Buffer.concat([image, image.subarray(0, 12)]));
  const report = await convert(join(dir, "source"), join(dir, "target"));
  assert.deepEqual([report.end, report.left], [image.length, 12]);
  assert.deepEqual(new Uint8Array(readFileSync(join(dir, "target"))), image);
});

test("a source that is damaged, open, or not there is refused; nothing is left of the attempt", async (t) => {
  const dir = scratchDir(t);
  const source = join(dir, "source");
  const target = join(dir, "target");
  await assert.rejects(convert(source, target), walFault("WAL_IO", { errno: "ENOENT" }));

  const wal = openAs(source, null);
  wal.appendBatch(texts);
  await assert.rejects(convert(source, target), walFault("WAL_LOCKED"));
  wal.closeBlocking();
  const image = readFileSync(source);
  // Below the mark, in the part that opening alone would not read.
  image[100] = (image[100] ?? 0) ^ 1;
  writeFileSync(source, image);
  await assert.rejects(convert(source, target, { segmentSize: 64 }), walFault("WAL_CORRUPT"));
  await assert.rejects(convert(source, target), walFault("WAL_CORRUPT"));
  assert.deepEqual(readdirSync(dir).toSorted(), ["source", "source.mark"]);
});

test("a target that is there is never touched", async (t) => {
  const dir = scratchDir(t);
  writeFileSync(join(dir, "source"), logOf(texts));
  for (const make of [
    () => writeFileSync(join(dir, "target"), "mine"),
    () => mkdirSync(join(dir, "target")),
    () => writeFileSync(join(dir, "target.mark"), "a mark without its log"),
  ]) {
    make();
    const before = readdirSync(dir);
    await assert.rejects(
      convert(join(dir, "source"), join(dir, "target")),
      walFault("WAL_INVALID_ARGUMENT", {}, /is there already/),
    );
    await assert.rejects(convert(join(dir, "source"), join(dir, "source")), walFault("WAL_INVALID_ARGUMENT"));
    assert.deepEqual(readdirSync(dir), before);
    for (const name of ["target", "target.mark"]) rmSync(join(dir, name), { recursive: true, force: true });
  }
});

test("aborted, it rejects with the reason and leaves nothing of the result", async (t) => {
  const dir = scratchDir(t);
  writeFileSync(join(dir, "source"), logOf(texts));
  for (const segmentSize of [undefined, 64]) {
    for (const at of [0, 1, 2]) {
      const control = new AbortController();
      const reason = new Error("enough");
      let calls = 0;
      const work = convert(join(dir, "source"), join(dir, "target"), {
        segmentSize,
        signal: control.signal,
        onProgress: () => {
          if (calls++ === at) control.abort(reason);
        },
      });
      await assert.rejects(work, (error) => error === reason);
      assert.deepEqual(readdirSync(dir), ["source"]);
    }
  }
});

/* ---- stopped at every call ---- */

const seeds = process.env["WAL_DB_LONG"] === "1" ? 100 : 6;

for (const [from, to] of [
  [null, 16],
  [16, null],
  [16, 50],
] as const) {
  test(`stopped at any call, from ${from ?? "one file"} to ${to ?? "one file"}: nothing, or all of it`, async () => {
    let stops = 0;
    for (const ending of endings(seeds)) {
      for (let stopAt = 1, more = true; more; stopAt++) {
        more = await convertAt(from, to, ending, stopAt);
        stops++;
      }
    }
    assert.ok(stops > 10 * seeds, `only ${stops} stops`);
  });
}
