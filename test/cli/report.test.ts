/**
 * `wal-db report` as a process, and the parts it is made of: what a pass over a log leaves behind in bounded
 * memory, and text that cannot become markup. In a browser: report-page.test.ts.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import * as fc from "fast-check";
import { type Lsn, Wal } from "wal-db";
import { EvenSample } from "#internal/cli/report/even-sample.js";
import { hexRows } from "#internal/cli/report/hex-rows.js";
import { embeddedJson, escapeHtml, html } from "#internal/cli/report/html.js";
import { readBytes } from "#internal/cli/report/log-bytes.js";
import { SizeHistogram } from "#internal/cli/report/size-histogram.js";
import { Stretches } from "#internal/cli/report/stretches.js";
import { besideKept, endsKept, Survey, type SurveyedRecord } from "#internal/cli/report/survey.js";
import type { PageData } from "#internal/cli/report/page-data.js";
import { matching, numberOf, type RecordFilter } from "../../page/record-filter.js";
import { scratchDir } from "../support/scratch.js";
import { cliPath, plainEnvironment } from "./command-process.js";
import { hostileRecords, sampleLog } from "./sample-log.js";

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function report(...words: string[]): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cliPath, "report", ...words], {
    encoding: "utf8",
    env: plainEnvironment(),
    timeout: 20_000,
  });
  return { status, stdout, stderr };
}

function dataIn(page: string): PageData {
  const json = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)?.[1] ?? "";
  return JSON.parse(json) as PageData;
}

/** The words of the page, without its script and its marks. */
function wordsIn(page: string): string {
  return page
    .replace(/<(script|style)[^>]*>.*?<\/\1>/gs, "")
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ");
}

/* ---- As a process ---- */

test("a whole log: one page with all its records, and nothing left beside it", async (t) => {
  const dir = scratchDir(t);
  const { records } = await sampleLog(join(dir, "log"), { damaged: false });
  const page = join(dir, "report.html");
  const { status, stdout, stderr } = report(join(dir, "log"), "-o", page);
  assert.deepEqual({ status, stdout }, { status: 0, stdout: "" });
  assert.match(stderr, /^2,409 records, 0 damages: whole\.\nThe page is .*report\.html, \d+(\.\d)? KiB\.\n$/);
  assert.deepEqual(readdirSync(dir).toSorted(), ["log", "report.html"]);
  const text = readFileSync(page, "utf8");
  assert.equal(dataIn(text).records.lsn.length, records);
  assert.match(
    wordsIn(text),
    /Whole Every record .* None found\. .*All 2,409 records of the log are in this page/,
  );
});

test("a damaged log: each damage, its file and the bytes; the log itself is left as it was", async (t) => {
  const dir = scratchDir(t);
  const { damagedAt, records } = await sampleLog(join(dir, "log"));
  const before = folderOf(join(dir, "log"));
  const { status, stdout } = report(join(dir, "log"), "-o", "-");
  assert.equal(status, 0);
  assert.deepEqual(folderOf(join(dir, "log")), before);
  const words = wordsIn(stdout);
  for (const [index, lsn] of damagedAt.entries()) {
    assert.ok(words.includes(`${index + 1}. checksum mismatch at ${lsn.toLocaleString("en")}`), words);
  }
  assert.match(words, /Loss Damage or missing bytes below the mark/);
  assert.match(words, /quarantine-\d+/);
  const { records: kept } = dataIn(stdout);
  assert.equal(kept.lsn.length, records);
  assert.equal(kept.nearDamage.filter((near) => near === 1).length, 4 * besideKept);
});

function folderOf(dir: string): Map<string, string> {
  return new Map(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), "latin1")]));
}

test("what records hold is nowhere in the page but as data", async (t) => {
  const dir = scratchDir(t);
  await sampleLog(join(dir, "log"));
  const { stdout } = report(join(dir, "log"), "-o", "-");
  for (const record of hostileRecords) {
    assert.ok(!stdout.includes(record), record);
    const bytes = Buffer.from(record).subarray(0, 96).toString("base64");
    assert.ok(dataIn(stdout).records.start.includes(bytes), record);
  }
  assert.equal(stdout.match(/<script/g)?.length, 2);
  assert.equal(stdout.match(/<\/script>/g)?.length, 2);
  assert.doesNotMatch(
    stdout.replace(/<script.*?<\/script>|<style>.*?<\/style>/gs, ""),
    /\son\w+=|javascript:|\sstyle=/,
  );
  assert.doesNotMatch(stdout.replace(/<script.*?<\/script>|<pre>.*?<\/pre>/gs, ""), /https?:/);
});

test("in JSON it tells what it made", async (t) => {
  const dir = scratchDir(t);
  await sampleLog(join(dir, "log"));
  const page = join(dir, "page.html");
  const { status, stdout, stderr } = report(join(dir, "log"), "-o", page, "--json");
  assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
  assert.deepEqual(JSON.parse(stdout), {
    page,
    bytes: readFileSync(page).length,
    verdict: "loss",
    records: 2407,
    recordsShown: 2407,
    damages: 2,
  });
  assert.equal(report(join(dir, "log"), "-o", "-", "--json").status, 64);
});

test("a hostile file name is text", async (t) => {
  const dir = scratchDir(t);
  const log = join(dir, '<img src=x onerror=alert(1)>"\u202e\u001b[31m.wal');
  const wal = await Wal.open(log);
  wal.append("x");
  await wal.close();
  const { status, stdout } = report(log, "-o", "-");
  assert.equal(status, 0);
  for (const bad of ["<img", "\u202e", "\u001b"]) assert.ok(!stdout.includes(bad));
  assert.match(stdout, /&lt;img src=x onerror=alert\(1\)&gt;&quot;··\[31m\.wal<\/h1>/);
});

test("an empty log, a torn one, one that is not a log, and none", async (t) => {
  const dir = scratchDir(t);
  const log = join(dir, "a.wal");
  await (await Wal.open(log)).close();
  assert.match(wordsIn(report(log, "-o", "-").stdout), /Whole .* The log holds no record\./);

  const wal = await Wal.open(log);
  wal.append("one");
  wal.append("two");
  await wal.close();
  const end = wal.end;
  writeFileSync(log, Buffer.concat([readFileSync(log), Buffer.from("torn")]));
  const torn = report(log, "-o", "-");
  assert.equal(torn.status, 0);
  assert.match(wordsIn(torn.stdout), new RegExp(`Torn tail .* 1\\. torn header at ${end} `));
  truncateSync(log, end - 1);
  assert.match(wordsIn(report(log, "-o", "-").stdout), /Loss/, "the mark said more");

  writeFileSync(join(dir, "letter"), "Dear Sir, this is no log at all. ".repeat(40));
  assert.match(wordsIn(report(join(dir, "letter"), "-o", "-").stdout), /Corrupt /);
  const none = report(join(dir, "none"), "-o", join(dir, "page.html"));
  assert.equal(none.status, 66);
  assert.doesNotMatch(none.stderr, /\n {4}at /);
  assert.ok(!existsSync(join(dir, "page.html")));
});

test("beside a live writer, whom it names", async (t) => {
  const dir = scratchDir(t);
  const wal = await Wal.open(join(dir, "a.wal"));
  t.after(() => wal.close());
  await wal.appendAndSync("here");
  const { status, stdout } = report(join(dir, "a.wal"), "-o", "-");
  assert.equal(status, 0);
  assert.match(wordsIn(stdout), new RegExp(`open in process ${process.pid} meanwhile.*Whole`));
});

test("beside a writer that drops the front meanwhile, it begins again", async (t) => {
  const dir = scratchDir(t);
  const wal = await Wal.openSegmented(dir, { segmentSize: 64 * 1024 });
  t.after(() => wal.close());
  const batch = Array.from({ length: 100_000 }, () => "x");
  const lsns = Array.from({ length: 20 }, () => wal.appendBatch(batch)[0] ?? wal.head);
  await wal.sync();
  const child = spawn(process.execPath, [cliPath, "report", dir, "-o", "-"], { env: plainEnvironment() });
  let page = "";
  let told = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (page += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (told += text));
  const ended = new Promise<number | null>((resolve) => void child.on("close", (code) => resolve(code)));
  // Fewer times than it begins again: on a busy machine each may find it under way.
  for (const lsn of lsns.slice(0, 8)) {
    await wal.truncateBefore(lsn);
    await setTimeout(40);
  }
  assert.equal(await ended, 0, told);
  assert.match(wordsIn(page), /Whole Every record .* 0 none found/);
});

test("a page is replaced, anything else is left alone: a log first of all", async (t) => {
  const dir = scratchDir(t);
  const log = join(dir, "a.wal");
  const wal = await Wal.open(log);
  wal.append("x");
  await wal.close();
  const page = join(dir, "report.html");
  assert.equal(report(log, "-o", page).status, 0);
  assert.equal(report(log, "-o", page).status, 0);
  const bytes = readFileSync(log);
  const letter = join(dir, "letter.html");
  writeFileSync(letter, "<p>Dear Sir");
  mkdirSync(join(dir, "folder.html"));
  symlinkSync(page, join(dir, "link.html"));
  for (const other of ["letter.html", "folder.html", "link.html"]) {
    const { status, stderr } = report(log, "-o", join(dir, other));
    assert.equal(status, 64, other);
    assert.match(stderr, /is there already, and is no page; it is left alone/);
  }
  assert.equal(readFileSync(letter, "utf8"), "<p>Dear Sir");
  // Names of what belongs to a log, there or not.
  for (const other of [log, `${log}.mark`, join(dir, `${"7".padStart(20, "0")}.wal`), "/dev/null"]) {
    const { status, stderr } = report(log, "-o", other);
    assert.equal(status, 64, other);
    assert.match(stderr, /the name of a page ends in \.html/);
  }
  assert.deepEqual(readFileSync(log), bytes);
  const nowhere = report(log, "-o", join(dir, "none", "report.html"));
  assert.equal(nowhere.status, 66);
  assert.equal(report(log, "-o", page, "--records", "1").status, 64);
});

test("of a large log it holds a part, and says so", async (t) => {
  const dir = scratchDir(t);
  const wal = await Wal.open(join(dir, "a.wal"));
  wal.appendBatch(Array.from({ length: 20_000 }, (_, i) => `record ${i}`));
  await wal.close();
  const { stdout } = report(join(dir, "a.wal"), "-o", "-", "--records", "500");
  const { records } = dataIn(stdout);
  assert.equal(records.number.at(0), 1);
  assert.equal(records.number.at(-1), 20_000);
  assert.ok(records.lsn.length <= 500 + 2 * endsKept, String(records.lsn.length));
  const kept = records.lsn.length.toLocaleString("en");
  assert.ok(
    wordsIn(stdout).includes(
      `${kept} of the log's 20,000 records are in this page: one in 64, evenly`.replace("'", "&#39;"),
    ),
    wordsIn(stdout).slice(-900),
  );
});

test("Ctrl-C leaves no page, and nothing half done", async (t) => {
  const dir = scratchDir(t);
  const wal = await Wal.open(join(dir, "a.wal"));
  const batch = Array.from({ length: 20_000 }, () => "x".repeat(40));
  for (let i = 0; i < 50; i++) wal.appendBatch(batch);
  await wal.close();
  const child = spawn(process.execPath, [
    cliPath,
    "report",
    join(dir, "a.wal"),
    "-o",
    join(dir, "page.html"),
  ]);
  // Its handlers are there once it has begun to load the command; what comes earlier ends it as well.
  const before = readdirSync(dir);
  void setTimeout(400).then(() => child.kill("SIGINT"));
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on("close", (code, signal) => resolve([code, signal]));
  });
  assert.ok(code === 130 || signal === "SIGINT" || code === 0, `${code} ${signal}`);
  // A machine that was faster than the signal has made its page.
  assert.deepEqual(readdirSync(dir).toSorted(), code === 0 ? [...before, "page.html"].toSorted() : before);
});

/* ---- One pass, bounded memory ---- */

test("a sample is even at every length, and never above its limit", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 40 }), fc.integer({ min: 0, max: 3000 }), (limit, count) => {
      const sample = new EvenSample<number>(limit);
      for (let i = 0; i < count; i++) if (sample.wants(i)) sample.keep(i);
      const { items, step } = sample;
      assert.ok(items.length <= limit);
      assert.deepEqual(
        [...items],
        items.map((_, index) => index * step),
      );
      const whole = Math.ceil(count / step);
      assert.equal(items.length, whole, `${count} by ${step}`);
      assert.ok(step === 1 || items.length >= Math.floor(limit / 2));
    }),
  );
});

test("size classes hold every record and every byte", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 0xffff_ffff }))),
      (lengths) => {
        const histogram = new SizeHistogram();
        for (const length of lengths) histogram.add(length);
        const classes = histogram.classes();
        for (const { from, to, records, bytes } of classes) {
          const inside = lengths.filter((length) => length >= from && length <= to);
          assert.equal(records, inside.length);
          assert.equal(
            bytes,
            inside.reduce((sum, length) => sum + length, 0),
          );
        }
        assert.equal(
          classes.reduce((sum, { records }) => sum + records, 0),
          lengths.length,
        );
        assert.ok(classes.length === 0 || (classes[0]?.records !== 0 && classes.at(-1)?.records !== 0));
      },
    ),
  );
});

test("stretches cover the log without a gap, and hold every record", () => {
  const spans = fc.record({
    from: fc.integer({ min: 0, max: 2 ** 40 }),
    bytes: fc.integer({ min: 0, max: 5000 }),
    count: fc.integer({ min: 1, max: 240 }),
    places: fc.array(fc.double({ min: 0, max: 0.999_999, noNaN: true })),
  });
  fc.assert(
    fc.property(spans, ({ from, bytes, count, places }) => {
      const stretches = new Stretches(from, from + bytes, count);
      const lsns = bytes === 0 ? [] : places.map((place) => from + Math.floor(place * bytes));
      for (const lsn of lsns) stretches.add(lsn, 7);
      const list = stretches.list(from + bytes);
      assert.ok(list.length <= Math.max(1, count));
      for (const [index, { from: start, to, records, largest }] of list.entries()) {
        assert.equal(start, index === 0 ? from : list[index - 1]?.to);
        assert.equal(records, lsns.filter((lsn) => lsn >= start && lsn < to).length);
        assert.equal(largest, records === 0 ? null : 7);
      }
      assert.equal(list.at(-1)?.to, from + bytes);
    }),
  );
});

function recordAt(lsn: Lsn): SurveyedRecord {
  return { lsn, length: 18, data: new Uint8Array(18).fill(lsn / 100) };
}

test("a survey keeps the ends and what stands next to damage, however long the log", () => {
  const total = 50_000;
  const survey = new Survey({
    head: 0,
    end: total * 100,
    sampleMax: 100,
    startBytes: 16,
    readAgain: recordAt,
  });
  for (let i = 0; i < total; i++) {
    if (i === 31_111) survey.addDamage({ lsn: (i * 100) as Lsn, length: 100, reason: "checksum-mismatch" });
    else survey.add(recordAt((i * 100) as Lsn));
  }
  const { kept, records, damages, sampleStep } = survey.finish();
  assert.equal(records, total - 1);
  assert.equal(damages.count, 1);
  assert.equal(sampleStep, 512);
  const numbers = kept.map(({ number }) => number);
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(numbers).size, numbers.length);
  for (let n = 1; n <= endsKept; n++)
    assert.ok(numbers.includes(n) && numbers.includes(total - n), String(n));
  const near = kept.filter(({ nearDamage }) => nearDamage).map(({ lsn }) => lsn / 100);
  const beside = Array.from({ length: 2 * besideKept + 1 }, (_, i) => 31_111 - besideKept + i);
  assert.deepEqual(
    near,
    beside.filter((place) => place !== 31_111),
  );
  assert.ok(kept.every(({ start }) => start.length === 16));
  assert.ok(kept.length <= 100 + 2 * endsKept + 2 * besideKept);
});

test("any number of damages keeps a bounded number of records", () => {
  const survey = new Survey({ head: 0, end: 1e6, sampleMax: 50, startBytes: 16, readAgain: recordAt });
  for (let i = 0; i < 50_000; i++) {
    survey.add(recordAt((i * 20) as Lsn));
    survey.addDamage({ lsn: (i * 20 + 10) as Lsn, length: 10, reason: "checksum-mismatch" });
  }
  const { kept, damages } = survey.finish();
  assert.equal(damages.count, 50_000);
  assert.ok(damages.kept.length <= 1000);
  assert.ok(kept.length < 100 * 2 * besideKept + 50 + 2 * endsKept, String(kept.length));
});

/* ---- Text, never markup ---- */

test("text between templates is escaped, whatever it is", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const escaped = escapeHtml(text);
      assert.doesNotMatch(escaped, /[<>"']|&(?!(?:amp|lt|gt|quot|#39);)/);
      assert.equal(html`<b title="${text}">${text}</b>`.text, `<b title="${escaped}">${escaped}</b>`);
      const json = embeddedJson({ text }).text;
      assert.doesNotMatch(json, /[<>&\u2028\u2029]/);
      assert.deepEqual(JSON.parse(json), { text });
    }),
  );
  assert.equal(html`${["<", html`<i>`, null, 1]}`.text, "&lt;<i>1");
});

/* ---- Bytes ---- */

test("hexadecimal rows stand at multiples of sixteen, and mark the damage", () => {
  const [first, second, ...rest] = hexRows(30, new Uint8Array([0x41, 0x00, 0x7e, 0xff]), 31, 33);
  assert.equal(first?.offset, 16);
  assert.deepEqual(first?.bytes.slice(13), [
    null,
    { hex: "41", char: "A", isMarked: false },
    { hex: "00", char: ".", isMarked: true },
  ]);
  assert.equal(second?.offset, 32);
  assert.deepEqual(second?.bytes.slice(0, 3), [
    { hex: "7e", char: "~", isMarked: true },
    { hex: "ff", char: ".", isMarked: false },
    null,
  ]);
  assert.deepEqual(rest, []);
});

test("bytes are read over the border of two segments, and up to a hole", (t) => {
  const dir = scratchDir(t);
  mkdirSync(join(dir, "log"));
  const files = ["abcd", "efgh"].map((text, index) => {
    const path = join(dir, "log", String(index));
    writeFileSync(path, text);
    return { path, start: 4 * index, end: 4 * index + 4 };
  });
  const textOf = (from: number, to: number): string => Buffer.from(readBytes(files, from, to)).toString();
  assert.equal(textOf(2, 6), "cdef");
  assert.equal(textOf(0, 100), "abcdefgh");
  assert.equal(textOf(5, 5), "");
  assert.equal(Buffer.from(readBytes(files.slice(1), 2, 6)).toString(), "", "nothing stands at 2");
  const gone = [{ path: join(dir, "none"), start: 0, end: 4 }];
  assert.equal(readBytes(gone, 0, 4).length, 0);
});

/* ---- The filter that runs in the page ---- */

const noFilter: RecordFilter = {
  contains: "",
  lsnFrom: null,
  lsnTo: null,
  lengthFrom: null,
  lengthTo: null,
  nearDamageOnly: false,
};
const filtered: PageData["records"] = {
  number: [1, 2, 3],
  lsn: [0, 12, 30],
  length: [4, 10, 0],
  start: ["Credit", "\u0001\u00ff\u0002", ""].map((text) => Buffer.from(text, "latin1").toString("base64")),
  nearDamage: [0, 1, 0],
};

function found(filter: Partial<RecordFilter>): number[] {
  return matching(filtered, { ...noFilter, ...filter });
}

test("the filter: text in any case, bytes, bounds, next to damage", () => {
  assert.deepEqual(found({}), [0, 1, 2]);
  assert.deepEqual(found({ contains: "cREDIT" }), [0]);
  assert.deepEqual(found({ contains: "0x01 ff" }), [1]);
  assert.deepEqual(found({ contains: "0x1F" }), [], "bytes are not found across two halves");
  assert.deepEqual(found({ contains: "0x1" }), [], "half a byte is text");
  assert.deepEqual(found({ lsnFrom: 12, lsnTo: 12 }), [1]);
  assert.deepEqual(found({ lengthFrom: 1 }), [0, 1]);
  assert.deepEqual(found({ lengthTo: 0 }), [2]);
  assert.deepEqual(found({ nearDamageOnly: true }), [1]);
  assert.deepEqual(["1,234", " 12_0 ", "", "x", "-1", "1.5"].map(numberOf), [
    1234,
    120,
    null,
    null,
    null,
    null,
  ]);
});
