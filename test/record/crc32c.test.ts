import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "wal-db";
import { crc32cRange } from "#internal/record/crc32c.js";
import { Random } from "#internal/testing/random.js";
import { crcPlain } from "../support/plain-format.ts";
import { walFault } from "../support/wal-fault.ts";

const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
const zeros = (count: number): number[] => Array.from({ length: count }, () => 0);
const readCommand = Uint8Array.from(
  [
    1,
    0xc0,
    ...zeros(14),
    0x14,
    ...zeros(5),
    4,
    ...zeros(4),
    0x14,
    ...zeros(3),
    0x18,
    0x28,
    ...zeros(7),
    2,
  ].concat(zeros(7)),
);

/** RFC 3720, appendix B.4. It prints the checksum's bytes in the order of the wire, low byte first. */
const vectors: readonly (readonly [string, Uint8Array, string])[] = [
  ["32 bytes of zeros", new Uint8Array(32), "aa36918a"],
  ["32 bytes of ones", new Uint8Array(32).fill(0xff), "43aba862"],
  ["32 bytes ascending", ascending, "4e79dd46"],
  ["32 bytes descending", ascending.toReversed(), "5cdb3f11"],
  ["an iSCSI SCSI Read (10) command", readCommand, "563a96d9"],
];

for (const [name, bytes, wire] of vectors) {
  test(`RFC 3720 B.4: ${name}`, () => {
    assert.equal(crc32c(bytes), Buffer.from(wire, "hex").readUInt32LE());
    assert.equal(crcPlain(bytes), crc32c(bytes), "the reference itself is right");
  });
}

test("the check value of the CRC catalogue, the empty input, and the length of an empty record", () => {
  assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(0)), 0);
  assert.equal(crc32c(new Uint8Array(4)), 0x48674bc7);
});

test("every length from 0 to 300 at every alignment agrees with the bitwise version", () => {
  const bytes = new Random(1).bytes(400);
  for (let offset = 0; offset < 18; offset++) {
    for (let length = 0; length <= 300; length++) {
      const part = bytes.subarray(offset, offset + length);
      const expected = crcPlain(part);
      assert.equal(crc32c(part), expected, `${length} bytes at ${offset}`);
      assert.equal(crc32cRange(bytes, offset, offset + length), expected, `range of ${length} at ${offset}`);
    }
  }
});

test("random input of up to 64 KiB agrees with the bitwise version", () => {
  const random = new Random(2);
  for (let round = 0; round < 60; round++) {
    const bytes = random.bytes(random.next(round < 50 ? 3000 : 65_536));
    assert.equal(crc32c(bytes), crcPlain(bytes), `round ${round}, ${bytes.length} bytes`);
  }
});

test("a checksum can be made in parts: every split of 300 bytes", () => {
  const bytes = new Random(3).bytes(300);
  const whole = crc32c(bytes);
  for (let at = 0; at <= bytes.length; at++) {
    assert.equal(crc32c(bytes.subarray(at), crc32c(bytes.subarray(0, at))), whole, `split at ${at}`);
    assert.equal(crc32cRange(bytes, at, 300, crc32cRange(bytes, 0, at)), whole, `range split at ${at}`);
  }
});

test("what is no Uint8Array or no u32 is refused", () => {
  const untyped = crc32c as (bytes: unknown, seed?: unknown) => number;
  for (const bytes of [undefined, null, "123456789", [1, 2], new ArrayBuffer(4), new Uint16Array(4)]) {
    assert.throws(() => untyped(bytes), walFault("WAL_INVALID_ARGUMENT", {}, /Uint8Array/));
  }
  for (const seed of [-1, 0.5, Number.NaN, 2 ** 32, "0", null]) {
    assert.throws(() => untyped(new Uint8Array(4), seed), walFault("WAL_INVALID_ARGUMENT", {}, /seed/));
  }
  assert.equal(crc32c(new Uint8Array(0), 0xffff_ffff), 0xffff_ffff);
});
