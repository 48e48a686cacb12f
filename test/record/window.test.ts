import assert from "node:assert/strict";
import { test } from "node:test";
import { Window } from "#internal/record/window.js";
import { Random } from "#internal/testing/random.js";

const log = new Random(30).bytes(1000);

/** Fills the window from `log` as a store would; at most `most` bytes of what it asks for. */
function fill(window: Window, offset: number, want: number, end = log.length, most = Infinity): Uint8Array {
  const into = window.prepare(offset, want, end);
  const got = Math.min(into.length, most);
  into.set(log.subarray(window.end, window.end + got));
  window.accept(got);
  return into;
}

function shows(window: Window): Uint8Array {
  return window.bytes.subarray(0, window.length);
}

for (const recycled of [true, false]) {
  const kind = recycled ? "recycled" : "fresh";

  test(`${kind}: it shows the log from the offset asked for, at least what is wanted, a chunk where it suits`, () => {
    const window = new Window(recycled, 100);
    const random = new Random(31);
    for (let round = 0; round < 300; round++) {
      const offset = random.next(log.length);
      const want = 1 + random.next(Math.min(250, log.length - offset));
      // A reader asks only for what it does not see yet.
      if (offset >= window.start && offset + want <= window.end) continue;
      fill(window, offset, want);
      assert.equal(window.start, offset);
      assert.equal(window.end, Math.min(log.length, offset + Math.max(100, want)));
      assert.deepEqual(shows(window), log.subarray(offset, window.end));
    }
  });

  test(`${kind}: what is in memory already is kept and not asked for again`, () => {
    const window = new Window(recycled, 100);
    fill(window, 0, 8);
    assert.equal(window.length, 100);
    const asked = fill(window, 60, 90);
    assert.equal(asked.length, 60, "100 were in memory up to 100, of which 40 are kept");
    assert.deepEqual(shows(window), log.subarray(60, 160));
  });

  test(`${kind}: a store that fills less than it was asked for leaves a shorter window`, () => {
    const window = new Window(recycled, 100);
    fill(window, 10, 50, log.length, 7);
    assert.equal(window.end, 17);
    fill(window, 12, 50);
    assert.deepEqual(shows(window), log.subarray(12, 112));
  });
}

test("fresh: bytes that were handed out are never written again", () => {
  const window = new Window(false, 50);
  const handedOut: { readonly view: Uint8Array; readonly from: number }[] = [];
  for (let offset = 0; offset < 900; offset += 30) {
    fill(window, offset, 45);
    handedOut.push({ view: shows(window), from: offset });
  }
  for (const { view, from } of handedOut) assert.deepEqual(view, log.subarray(from, from + view.length));
});

test("recycled: one buffer serves as long as no record is larger", () => {
  const window = new Window(true, 50);
  fill(window, 0, 8);
  const first = window.bytes;
  for (let offset = 0; offset < 900; offset += 37) fill(window, offset, 45);
  assert.equal(window.bytes, first);
  fill(window, 0, 51);
  assert.notEqual(window.bytes, first);
});
