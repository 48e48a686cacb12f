/** The notes of cuts: never less than was cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Lsn } from "wal-db";
import { CutNotebook, CutNotes } from "#internal/recovery/cut-notes.js";

function notesOf(ends: readonly number[]): CutNotes {
  return ends.reduce((notes, end) => notes.with(end as Lsn), CutNotes.none);
}

test("whoever has seen some of the cuts learns of the others at least, and exactly while they are few", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 12 }), (ends) => {
      const notes = CutNotes.of(notesOf(ends).encode());
      assert.ok(notes !== null);
      assert.equal(notes.count, ends.length);
      for (let seen = 0; seen <= ends.length; seen++) {
        const lowest = Math.min(...ends.slice(seen));
        assert.ok(notes.lowestSince(seen) <= lowest, `${ends.join()} since ${seen}`);
        if (ends.length <= 4) assert.equal(notes.lowestSince(seen), lowest, `${ends.join()} since ${seen}`);
      }
      assert.equal(notes.lowestSince(ends.length + 1), -1);
    }),
  );
});

test("the same cut again and again takes no room, and is told each time", () => {
  const notes = notesOf([7, ...Array.from({ length: 100 }, () => 9)]);
  assert.equal(notes.lowestSince(0), 7);
  assert.equal(notes.lowestSince(1), 9);
  assert.equal(notes.lowestSince(100), 9);
  assert.equal(notes.lowestSince(101), Infinity);
});

test("notes of which any byte is wrong are no notes; none, and zeros, mean that there was no cut", () => {
  const bytes = notesOf([100, 200, 300]).encode();
  const covered = 8 + 3 * 12;
  for (let at = 0; at < covered; at++) {
    const torn = bytes.slice();
    torn[at] = (torn[at] as number) ^ 0x10;
    assert.equal(CutNotes.of(torn), null, `byte ${at}`);
  }
  for (const length of [1, 7, 8, 20, covered - 1]) assert.equal(CutNotes.of(bytes.subarray(0, length)), null);
  assert.equal(CutNotes.of(new Uint8Array(0))?.count, 0);
  assert.equal(CutNotes.of(new Uint8Array(56))?.count, 0);
});

test("a notebook goes on where another left off, and does not count what it could not write", () => {
  let bytes: Uint8Array = new Uint8Array(0);
  let full = false;
  const file = {
    read: () => bytes,
    write(_offset: number, written: Uint8Array) {
      if (full) throw new Error("full");
      bytes = written;
    },
    flush() {},
    remove() {},
    close() {},
  };
  new CutNotebook(file).note(5 as Lsn);
  const second = new CutNotebook(file);
  full = true;
  assert.throws(() => second.note(3 as Lsn));
  full = false;
  second.note(8 as Lsn);
  const notes = CutNotes.of(bytes);
  assert.deepEqual([notes?.count, notes?.lowestSince(0), notes?.lowestSince(1)], [2, 5, 8]);
});
