/** The example of a store keeps the contract. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { Wal } from "wal-db";
import { storeConformance } from "wal-db/testing";
import { type Pages, PageStore } from "../../examples/page-store.ts";

/** A place in memory, whose n-th `put` fails when it is told to. */
class MemoryPages implements Pages {
  readonly values = new Map<string, Uint8Array>();
  failNextPut = false;
  get(key: string): Uint8Array | undefined {
    return this.values.get(key);
  }
  put(key: string, value: Uint8Array): void {
    if (this.failNextPut) {
      this.failNextPut = false;
      throw Object.assign(new Error("the place is full"), { code: "ENOSPC" });
    }
    this.values.set(key, value.slice());
  }
  delete(key: string): void {
    this.values.delete(key);
  }
  sync(): void {}
}

const places = new WeakMap<object, MemoryPages>();

function open(place: MemoryPages): PageStore {
  const store = new PageStore(place);
  places.set(store, place);
  return store;
}

function placeOf(store: object): MemoryPages {
  const place = places.get(store);
  assert.ok(place !== undefined);
  return place;
}

storeConformance(() => open(new MemoryPages()), {
  test,
  reopen: (closed) => open(placeOf(closed)),
  failFlush: (store) => {
    placeOf(store).failNextPut = true;
  },
});

test("a log that was cut and grown again shows no page of what it was before", async () => {
  const place = new MemoryPages();
  const wal = await Wal.withStore(open(place));
  const first = wal.append("a".repeat(10));
  wal.append("b".repeat(20_000));
  await wal.sync();
  await wal.truncateAfter(first);
  assert.deepEqual([...place.values.keys()].toSorted(), ["length", "page-0"]);
  await wal.appendAndSync("c".repeat(9000));
  await wal.close();
  const again = await Wal.withStore(open(place));
  assert.deepEqual(
    Array.from(again, (record) => record.length),
    [10, 9000],
  );
});
