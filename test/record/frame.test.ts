import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameBuffer, headerFor, payloadOf } from "#internal/record/frame.js";
import { scratchInitialBytes, scratchKeepBytesMax } from "#internal/limits.js";
import { Random } from "#internal/testing/random.js";
import { frameOf, joined, logOf } from "../support/plain-format.ts";
import { walFault } from "../support/wal-fault.ts";

const noLimit = 0xffff_ffff;

function framed(record: Uint8Array | string): Uint8Array {
  const frames = new FrameBuffer();
  frames.add(record, noLimit);
  return frames.view().slice();
}

test("an empty record is the eight bytes that the format says", () => {
  const expected = Uint8Array.from(Buffer.from("c74b674800000000", "hex"));
  assert.deepEqual(framed(new Uint8Array(0)), expected);
  assert.deepEqual(framed(""), expected);
});

test("payloads of every length from 0 to 300 are framed as the reference does", () => {
  const random = new Random(10);
  for (let length = 0; length <= 300; length++) {
    const payload = random.bytes(length);
    assert.deepEqual(framed(payload), frameOf(payload));
    assert.deepEqual(headerFor(payload), frameOf(payload).subarray(0, 8), "the header on its own");
  }
});

test("frames stand back to back, and earlier ones survive when the buffer grows", () => {
  const random = new Random(11);
  const payloads = Array.from({ length: 300 }, () => random.bytes(random.next(900)));
  const frames = new FrameBuffer();
  let sizes = 0;
  for (const payload of payloads) {
    const size = frames.add(payload, noLimit);
    assert.equal(size, payload.length + 8);
    sizes += size;
    assert.equal(frames.length, sizes);
  }
  assert.ok(frames.length > scratchInitialBytes, "it did grow");
  assert.deepEqual(frames.view(), logOf(payloads));
});

test("the view shows the frames of now, whatever was viewed before at that length", () => {
  const frames = new FrameBuffer();
  for (let round = 0; round < 5; round++) {
    frames.reset();
    const payload = new Uint8Array(10).fill(round);
    frames.add(payload, noLimit);
    assert.deepEqual(frames.view(), frameOf(payload));
    // A buffer that has grown is another one: a view that was kept would show the old.
    frames.add(new Uint8Array(scratchInitialBytes * (round + 1)), noLimit);
    assert.equal(frames.view().length, 18 + 8 + scratchInitialBytes * (round + 1));
  }
});

test("a buffer blown up by one large record is let go", () => {
  const frames = new FrameBuffer();
  frames.add(new Uint8Array(scratchKeepBytesMax + 1), noLimit);
  assert.ok(frames.bytes.length > scratchKeepBytesMax);
  frames.reset();
  assert.equal(frames.length, 0);
  assert.equal(frames.bytes.length, scratchInitialBytes);
});

/** Strings where the three ways to encode (loop, encodeInto, encode) meet, in several alphabets. */
const alphabets: Readonly<Record<string, string>> = {
  ascii: "a",
  "two bytes": "é",
  "three bytes": "語",
  "four bytes": "🦉",
  "lone high surrogate": "\ud83e",
  "lone low surrogate": "\udd89",
  "ascii, then not": "abc\u0080",
  nul: "\0",
};

for (const [name, letters] of Object.entries(alphabets)) {
  test(`strings are UTF-8 at every length around the boundaries: ${name}`, () => {
    for (const units of [0, 1, 2, 47, 48, 49, 50, 4095, 16_383, 16_384, 16_385, 40_000]) {
      const text = letters.repeat(Math.ceil(units / letters.length)).slice(0, units);
      const expected = frameOf(Uint8Array.from(Buffer.from(text, "utf8")));
      assert.deepEqual(Buffer.from(framed(text)).compare(expected), 0, `${units} units`);
    }
  });
}

test("a record above the limit is refused and nothing is added; one at the limit is not", () => {
  const frames = new FrameBuffer();
  frames.add("first", 10);
  const tooLarge: (Uint8Array | string)[] = [
    new Uint8Array(11),
    "elevenchars",
    "éééééé", // six units, twelve bytes
    "x".repeat(20_000),
    "é".repeat(20_000),
  ];
  for (const record of tooLarge) {
    const length =
      typeof record === "string" && record.length < 20_000 ? Buffer.byteLength(record) : undefined;
    assert.throws(
      () => frames.add(record, 10),
      walFault(
        "WAL_RECORD_TOO_LARGE",
        length === undefined ? { max: 10 } : { max: 10, length },
        /Split it, or/,
      ),
    );
  }
  frames.add(new Uint8Array(10), 10);
  assert.deepEqual(
    frames.view(),
    joined(frameOf(new TextEncoder().encode("first")), frameOf(new Uint8Array(10))),
  );
});

test("a string is measured in bytes of UTF-8, and one of exactly the limit is taken", () => {
  for (const text of ["x".repeat(10), "é".repeat(5), "x".repeat(20_000), "é".repeat(10_000)]) {
    const frames = new FrameBuffer();
    const size = Buffer.byteLength(text);
    assert.equal(frames.add(text, size), 8 + size);
    assert.deepEqual(frames.view(), frameOf(new TextEncoder().encode(text)));
    assert.throws(() => frames.add(text, size - 1), walFault("WAL_RECORD_TOO_LARGE", { max: size - 1 }));
  }
});

test("a long string that is too large only as UTF-8 is refused as well", () => {
  assert.throws(
    () => payloadOf("é".repeat(20_000), 30_000),
    walFault("WAL_RECORD_TOO_LARGE", { length: 40_000, max: 30_000 }),
  );
});

test("what is neither bytes nor a string is refused by name", () => {
  const frames = new FrameBuffer();
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /got undefined/],
    [null, /got null/],
    [5, /got number/],
    [{}, /class Object/],
    [Object.create(null), /class \(none\)/],
    [[1, 2, 3], /class Array/],
    [new ArrayBuffer(3), /class ArrayBuffer/],
    [new Uint16Array(3), /class Uint16Array/],
    [new DataView(new ArrayBuffer(3)), /class DataView/],
    [Symbol("record"), /got symbol/],
  ];
  for (const [record, message] of cases) {
    assert.throws(() => frames.add(record as string, 10), walFault("WAL_INVALID_ARGUMENT", {}, message));
  }
  assert.equal(frames.length, 0);
});
