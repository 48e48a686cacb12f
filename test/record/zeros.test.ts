/** The end of a run of zeros, against looking at each byte: every length, start and place of what ends it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { zerosEnd } from "#internal/zeros.js";

test("the first byte that is not zero, wherever it is", () => {
  const buffer = new ArrayBuffer(1024);
  for (let shift = 0; shift < 5; shift++) {
    const bytes = new Uint8Array(buffer, shift, 300);
    for (const from of [0, 1, 2, 3, 7, 60, 64, 65]) {
      for (const to of [from, from + 1, from + 7, from + 63, from + 64, from + 65, 129, 260, 297, 300]) {
        if (to < from || to > 300) continue;
        assert.equal(zerosEnd(bytes, from, to), to, `none from ${from} to ${to}`);
        for (let at = from; at < to; at++) {
          bytes[at] = 1 << (at % 8);
          assert.equal(zerosEnd(bytes, from, to), at, `at ${at} from ${from} to ${to}, shifted by ${shift}`);
          bytes[at] = 0;
        }
      }
    }
  }
});

test("what stands before and behind is not looked at", () => {
  const bytes = new Uint8Array(600).fill(255).fill(0, 101, 499);
  assert.equal(zerosEnd(bytes, 101, 499), 499);
  assert.equal(zerosEnd(bytes, 101, 600), 499);
  assert.equal(zerosEnd(bytes, 100, 499), 100);
});
