import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { crc32c } from "wal-db";
import { Search } from "#internal/record/search.js";
import { Window } from "#internal/record/window.js";
import { Random } from "#internal/testing/random.js";
import { frameOf, joined, logOf, recordAt } from "../support/plain-format.ts";

function search(log: Uint8Array, damage: number, max = 1000, chunk = 64): number | "none" | "unknown" {
  const window = new Window(true, chunk);
  const state = new Search(window, damage, log.length, max);
  for (;;) {
    const step = state.step();
    if (step === "found") return state.offset;
    if (step !== "need") return step;
    assert.ok(state.offset + state.want <= log.length, "it never wants what is not there");
    assert.ok(state.want <= 8 + max, "it never wants more than a permitted record");
    const into = window.prepare(state.offset, state.want, log.length);
    into.set(log.subarray(window.end, window.end + into.length));
    window.accept(into.length);
  }
}

/** The offset past `damage` where the search must end, by trying all of them. */
function expected(log: Uint8Array, damage: number, max: number): number | "none" {
  const intact = (at: number): boolean => typeof recordAt(log, at, max) === "number";
  if (damage + 8 <= log.length) {
    const length = new DataView(log.buffer, log.byteOffset).getUint32(damage + 4, true);
    const stated = damage + 8 + length;
    if (length <= max && stated + 8 <= log.length && intact(stated)) return stated;
  }
  for (let at = damage + 1; at + 8 <= log.length; at++) if (intact(at)) return at;
  return "none";
}

const random = new Random(40);
const [first, second, third] = [30, 50, 20].map((n) => frameOf(random.bytes(n))) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

function spoilt(frame: Uint8Array, at: number): Uint8Array {
  const copy = frame.slice();
  copy[at] = (copy[at] ?? 0) ^ 0x55;
  return copy;
}

test("past a spoilt payload, the next record is where the header says", () => {
  assert.equal(search(joined(spoilt(first, 20), second, third), 0), first.length);
});

test("past a spoilt length, the next record is found by trying every offset", () => {
  for (const at of [4, 5, 6, 7]) {
    assert.equal(search(joined(spoilt(first, at), second, third), 0), first.length, `byte ${at}`);
  }
});

test("a payload that holds a log of its own is not taken for the log", () => {
  const carrier = frameOf(logOf([random.bytes(5), random.bytes(6)]));
  const log = joined(spoilt(carrier, 0), second);
  assert.equal(search(log, 0), carrier.length);
  // As little may follow as a record can be.
  const empty = frameOf(new Uint8Array(0));
  assert.equal(search(joined(spoilt(carrier, 0), empty), 0), carrier.length);
  // The limit is of what a record may hold, not of what is below it.
  assert.equal(search(joined(spoilt(carrier, 0), empty), 0, carrier.length - 8), carrier.length);
});

test("an empty record counts as intact, eight zeros do not", () => {
  const empty = frameOf(new Uint8Array(0));
  assert.equal(search(joined(spoilt(first, 10), empty), 0), first.length);
  assert.equal(search(joined(spoilt(first, 10), new Uint8Array(500)), 0), "none");
});

test("records as large as the window, and larger, are found", () => {
  for (const length of [900, 1000]) {
    const large = frameOf(random.bytes(length));
    assert.equal(search(joined(spoilt(first, 5), large), 0), first.length);
  }
  assert.equal(search(joined(spoilt(first, 5), frameOf(random.bytes(1001))), 0), "none");
});

test("nothing follows where fewer than eight bytes are left", () => {
  for (let left = 0; left < 8; left++) {
    assert.equal(search(joined(first, new Uint8Array(left).fill(7)), first.length), "none");
  }
});

test("a hostile tail, full of plausible lengths, ends the search with `unknown`, not with hours of work", () => {
  // Every second offset names a payload of 458,759 bytes that is there.
  const tail = new Uint8Array(1_500_000);
  for (let at = 0; at < tail.length; at += 2) tail[at] = 7;
  assert.equal(search(tail, 0, 1_000_000, 256 * 1024), "unknown");
});

test("what is left out of the search is only what is large: a small record behind a hostile tail is found", () => {
  const tail = new Uint8Array(1_500_000);
  for (let at = 0; at < tail.length; at += 2) tail[at] = 7;
  assert.equal(search(joined(tail, first), 0, 1_000_000, 256 * 1024), tail.length);
});

test("a tail full of small plausible lengths ends the search with `unknown` as well", () => {
  // Every fourth offset names a payload of 65,280 bytes that is there, and in the window already.
  const tail = new Uint8Array(200_000);
  for (let at = 1; at < tail.length; at += 4) tail[at] = 0xff;
  assert.equal(search(tail, 0, 1_000_000, 256 * 1024), "unknown");
});

/** A frame whose checksum is `crc`: the last four bytes of its payload are solved for, a bit at a time. */
function forged(crc: number, length: number): Uint8Array {
  const frame = new Uint8Array(8 + length).fill(0xa5);
  const view = new DataView(frame.buffer);
  view.setUint32(4, length, true);
  const seed = crc32c(frame.subarray(4, 4 + length));
  const four = new Uint8Array(4);
  const of = (bits: number): number => {
    new DataView(four.buffer).setUint32(0, bits, true);
    return crc32c(four, seed);
  };
  const rows = Array.from({ length: 32 }, (_, bit) => ({
    bits: (1 << bit) >>> 0,
    crc: of(1 << bit) ^ of(0),
  }));
  let [bits, rest] = [0, crc ^ of(0)];
  for (let bit = 31; bit >= 0; bit--) {
    const at = rows.findIndex((row) => (row.crc >>> bit) & 1);
    const [pivot] = rows.splice(at, 1);
    assert.ok(at >= 0 && pivot !== undefined);
    for (const row of rows) {
      if ((row.crc >>> bit) & 1) [row.bits, row.crc] = [row.bits ^ pivot.bits, row.crc ^ pivot.crc];
    }
    if ((rest >>> bit) & 1) [bits, rest] = [bits ^ pivot.bits, rest ^ pivot.crc];
  }
  view.setUint32(8 + length - 4, bits >>> 0, true);
  view.setUint32(0, crc, true);
  assert.equal(crc32c(frame.subarray(4)), crc);
  return frame;
}

/**
 * A mapped log leaves megabytes of zeros behind a record that is there by half, and the search tried each
 * offset in them: 1.4 s at 64 MiB a segment. It passes over them now, and must not pass over a record whose
 * header begins with zeros, nor over one that stands where a chunk ends.
 */
test("a record behind zeros is found, however many bytes of its header are zeros", () => {
  for (const crc of [0x11223344, 0x11223300, 0x11220000, 0x11000000, 0]) {
    const frame = forged(crc, 12);
    for (let zeros = 0; zeros < 90; zeros++) {
      for (const chunk of [1, 7, 8, 9, 16, 64, 256]) {
        const log = joined(spoilt(first, 0), new Uint8Array(zeros), frame);
        assert.equal(
          search(log, 0, 1000, chunk),
          first.length + zeros,
          `${crc} behind ${zeros}, by ${chunk}`,
        );
      }
    }
  }
});

test("a record is found that begins with seven zeros", () => {
  const frame = forged(0, 1 << 24);
  assert.deepEqual([...frame.subarray(0, 8)], [0, 0, 0, 0, 0, 0, 0, 1]);
  for (const zeros of [0, 1, 8, 500, 5000]) {
    const log = joined(spoilt(first, 0), new Uint8Array(zeros), frame, new Uint8Array(100));
    assert.equal(search(log, 0, 1 << 24, 4096), first.length + zeros);
  }
});

test("random logs with random damage and zeros between: the same place as by trying every offset", () => {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 30 }).map((payload) => frameOf(payload)),
    fc.nat(300).map((count) => new Uint8Array(count)),
    fc.array(fc.constantFrom(0, 0, 0, 1, 255), { maxLength: 40 }).map((bytes) => Uint8Array.from(bytes)),
    fc.constantFrom(...[0, 0x100, 0x10000, 0x1000000].map((crc) => forged(crc, 9))),
  );
  fc.assert(
    fc.property(
      fc.array(part, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 200 }),
      (parts, chunk) => {
        const log = joined(spoilt(first, 0), ...parts);
        assert.equal(search(log, 0, 1000, chunk), expected(log, 0, 1000));
      },
    ),
    { numRuns: 600, seed: 42 },
  );
});

test("random logs with random damage: the same place as by trying every offset", () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 });
  const junk = fc.uint8Array({ minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(
      payloads,
      junk,
      payloads,
      fc.integer({ min: 1, max: 200 }),
      (before, middle, after, chunk) => {
        const head = logOf(before);
        const log = joined(head, middle, logOf(after));
        const answer = search(log, head.length, 1000, chunk);
        assert.equal(answer, expected(log, head.length, 1000));
      },
    ),
    { numRuns: 400, seed: 41 },
  );
});
