import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Lsn } from "wal-db";
import { Scan } from "#internal/record/scan.js";
import { Random } from "#internal/testing/random.js";
import { joined, logOf, scanPlain, type PlainRecord, type PlainScan } from "../support/plain-format.ts";

const maxRecordBytes = 1000;

type Fed = PlainScan;

/** Drives a scan over `log` with windows of `windowBytes`, as if read from a store in such pieces. */
function feed(log: Uint8Array, windowBytes: number, before = 0): Fed {
  const scan = new Scan(Lsn(0), log.length, maxRecordBytes);
  const records: PlainRecord[] = [];
  let shown: Uint8Array = new Uint8Array(0);
  for (let asked = 0; ;) {
    const step = scan.step();
    if (step === "need") {
      assert.ok(scan.want <= 8 + maxRecordBytes, "it never wants more than a permitted record");
      assert.ok(scan.offset + scan.want <= log.length, "it never wants what is not there");
      // One more piece each time it asks: it must bear being shown less than it wants.
      asked += windowBytes;
      const start = Math.max(0, scan.offset - before);
      const there = log.slice(start, scan.offset + Math.min(asked, log.length - scan.offset));
      // A buffer that is used again holds what stood there before: behind the window it is not the log.
      shown = joined(there, new Uint8Array(16).fill(0xff));
      scan.show(shown, start, there.length);
      continue;
    }
    asked = 0;
    if (step === "record") {
      const payload = shown.slice(scan.payloadStart, scan.payloadStart + scan.payloadLength);
      records.push({ lsn: scan.lsn, payload });
      assert.equal(scan.offset, scan.lsn + 8 + scan.payloadLength);
      continue;
    }
    assert.equal(scan.step(), step, "asked again, it says the same");
    return { records, end: scan.offset, reason: step === "end" ? null : scan.reason };
  }
}

function compare(fed: Fed, log: Uint8Array, about: string): void {
  assert.deepEqual(fed, scanPlain(log, 0, maxRecordBytes), about);
}

const random = new Random(20);
const payloads = [0, 1, 7, 8, 9, 0, 40, 3].map((length) => random.bytes(length));
const smallLog = logOf(payloads);

test("windows of every size, from one byte on, give the same answer", () => {
  for (const damaged of [smallLog, smallLog.subarray(0, -1), flipped(smallLog, 500)]) {
    for (let windowBytes = 1; windowBytes <= damaged.length + 1; windowBytes++) {
      compare(feed(damaged, windowBytes), damaged, `windows of ${windowBytes}`);
      compare(feed(damaged, windowBytes, 5), damaged, `windows of ${windowBytes} that begin too early`);
    }
  }
});

test("every prefix of a log image", () => {
  for (let length = 0; length <= smallLog.length; length++) {
    const prefix = smallLog.subarray(0, length);
    const fed = feed(prefix, 64);
    compare(fed, prefix, `prefix of ${length}`);
    const whole = scanPlain(smallLog).records.filter((r) => r.lsn + 8 + r.payload.length <= length);
    assert.deepEqual(
      fed.records,
      whole,
      `prefix of ${length}: the records that are all there, and only they`,
    );
    assert.ok([null, "torn-header", "torn-payload"].includes(fed.reason), `${fed.reason}`);
  }
});

test("every single flipped bit: what stands before is intact, nothing is invented, the reason fits", () => {
  const all = scanPlain(smallLog).records;
  for (let bit = 0; bit < smallLog.length * 8; bit++) {
    const damaged = flipped(smallLog, bit);
    const fed = feed(damaged, 64);
    compare(fed, damaged, `bit ${bit}`);
    const byte = bit >> 3;
    const hit = all.findIndex((r) => byte < r.lsn + 8 + r.payload.length);
    const { lsn } = all[hit] as { lsn: number };
    assert.deepEqual(fed.records, all.slice(0, hit), `bit ${bit}`);
    assert.equal(fed.end, lsn, `bit ${bit}`);
    const inLength = byte >= lsn + 4 && byte < lsn + 8;
    if (!inLength) assert.equal(fed.reason, "checksum-mismatch", `bit ${bit}`);
    else assert.ok(fed.reason !== null && fed.reason !== "torn-header", `bit ${bit}: ${fed.reason}`);
  }
});

test("a length is held against the limit first, then against what is there; the payload is never asked for", () => {
  const cases: readonly (readonly [number, string])[] = [
    [0xffff_ffff, "implausible-length"],
    [maxRecordBytes + 1, "implausible-length"],
    [maxRecordBytes, "torn-payload"],
    [93, "torn-payload"],
    [92, "checksum-mismatch"],
  ];
  for (const [length, reason] of cases) {
    const log = new Uint8Array(100);
    new DataView(log.buffer).setUint32(4, length, true);
    const scan = new Scan(Lsn(0), 100, maxRecordBytes);
    assert.equal(scan.step(), "need");
    assert.equal(scan.want, 8);
    scan.show(log.subarray(0, 8), 0, 8);
    if (reason === "checksum-mismatch") {
      assert.equal(scan.step(), "need");
      assert.equal(scan.want, 100);
      scan.show(log, 0, 100);
    }
    assert.equal(scan.step(), "damage");
    assert.equal(scan.reason, reason, `length ${length}`);
  }
});

test("zeros are no records, however many", () => {
  for (const zeros of [8, 9, 16, 64]) {
    const log = joined(smallLog, new Uint8Array(zeros));
    const fed = feed(log, 64);
    assert.equal(fed.records.length, payloads.length);
    assert.deepEqual([fed.end, fed.reason], [smallLog.length, "checksum-mismatch"]);
  }
});

test("it begins where it is told, far above 4 GiB too, and goes on where it is sent", () => {
  const base = 2 ** 45;
  const scan = new Scan(Lsn(base), base + smallLog.length, maxRecordBytes);
  scan.show(smallLog, base, smallLog.length);
  assert.equal(scan.step(), "record");
  assert.equal(scan.lsn, base);
  scan.seek(Lsn(base + 17));
  assert.equal(scan.step(), "record");
  assert.deepEqual([scan.lsn, scan.payloadLength], [base + 17, 7]);
});

test("bytes that are shown anew are verified anew, however far ahead was looked before", () => {
  const log = logOf(Array.from({ length: 100 }, (_, i) => random.bytes(i % 30)));
  for (let steps = 1; steps < 20; steps++) {
    const scan = new Scan(Lsn(0), log.length, maxRecordBytes);
    assert.equal(scan.step(), "need");
    scan.show(log, 0, log.length);
    for (let i = 0; i < steps; i++) assert.equal(scan.step(), "record");
    // The record that comes next has changed since.
    const changed = log.slice();
    changed[scan.offset] = (changed[scan.offset] ?? 0) ^ 1;
    scan.show(changed, 0, changed.length);
    assert.deepEqual([scan.step(), scan.reason], ["damage", "checksum-mismatch"], `after ${steps} records`);
  }
});

test("random bytes, and logs with random damage: the plain reader agrees", () => {
  const log = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .tuple(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 }), fc.uint8Array({ maxLength: 20 }))
      .map(([records, tail]) => joined(logOf(records), tail)),
  );
  const damage = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 });
  fc.assert(
    fc.property(log, damage, fc.integer({ min: 1, max: 80 }), (bytes, changes, windowBytes) => {
      const damaged = bytes.slice();
      for (const [at, value] of changes) if (at < damaged.length) damaged[at] = value;
      compare(feed(damaged, windowBytes), damaged, "random");
    }),
    { numRuns: 400, seed: 20 },
  );
});

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
