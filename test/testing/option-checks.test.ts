/** What the tools are given is held against what they know: a fault that never strikes proves nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemStore, Wal, WalError, type WalStore } from "wal-db";
import { FaultStore, SimulatedDisk, storeConformance } from "wal-db/testing";
import { walFault } from "../support/wal-fault.ts";

// As from JavaScript: most of this the types refuse.
type Loose = (...given: readonly unknown[]) => unknown;
type LooseClass = new (...given: readonly unknown[]) => unknown;

const store = (): FaultStore => new FaultStore(new MemStore());
const make = (): WalStore => new MemStore();
const onStore: Loose = (fault) => (store().inject.bind(store()) as Loose)(fault);
const newDisk: Loose = (options) => new (SimulatedDisk as LooseClass)(options);
const newFaultStore: Loose = (inner) => new (FaultStore as LooseClass)(inner);
const onDisk: Loose = (fault) => diskWith("inject")(fault);

function diskWith(method: "inject" | "crash" | "stopAt" | "rot"): Loose {
  const disk = new SimulatedDisk({ files: { "/f": new Uint8Array(4) } });
  return disk[method].bind(disk) as Loose;
}

function refuses(call: Loose, given: readonly (readonly unknown[])[], says?: RegExp): void {
  for (const each of given) {
    assert.throws(
      () => call(...each),
      (error: unknown) => {
        assert.ok(error instanceof WalError && error.code === "WAL_INVALID_ARGUMENT", String(error));
        if (says !== undefined) assert.match(error.message, says);
        return true;
      },
      `not refused: ${String(call)} ${JSON.stringify(each)}`,
    );
  }
}

const fail = { kind: "fail", errno: "EIO" };

test("a fault that could never strike is refused, on a store and on a disk", () => {
  for (const inject of [onStore, onDisk]) {
    const call = "flush";
    refuses(inject, [[{ call, nth: 0, effect: fail }], [{ call, nth: 1.5, effect: fail }]], /^nth of /);
    refuses(
      inject,
      [0, -1, Number.NaN].map((times) => [{ call, times, effect: fail }]),
      /^times of /,
    );
    refuses(inject, [[{ call: "fsync", effect: fail }], [{ effect: fail }]], /^call of .* is one of "/);
    refuses(inject, [[{ call }], [{ call, effect: "fail" }]], /^effect of /);
    refuses(inject, [[{ call, effect: { kind: "fail" } }]], /^errno of the effect fail/);
    refuses(inject, [[{ call, effect: { kind: "explode" } }], [{ call, effect: {} }]], /could never strike/);
    refuses(inject, [[{ call, effect: { kind: "short", most: 1 } }]], /could never strike/);
    refuses(inject, [[{ call, effect: { ...fail, ernno: "EIO" } }]], /has no option "ernno"/);
    refuses(inject, [[{ call, count: 3, effect: fail }]], /has no option "count"/);
    refuses(inject, [[], [null], ["flush"]], /takes an object/);
  }
  refuses(onStore, [[{ call: "write", effect: fail }]], /"writeAt"/);
  refuses(onDisk, [[{ call: "writeAt", effect: fail }]], /"write"/);
  refuses(onStore, [[{ call: "writeAt", effect: { kind: "delay", turns: 1 } }]], /could never strike/);
  refuses(onStore, [[{ call: "flush", effect: { kind: "delay", turns: Number.NaN } }]], /^turns/);
  refuses(onDisk, [[{ call: "write", effect: { kind: "lie" } }]], /could never strike/);
  refuses(onDisk, [[{ call: "write", effect: { kind: "short", most: -1 } }]], /^most/);
  refuses(onDisk, [[{ call: "write", effect: { kind: "misdirected" } }]], /^by/);
  refuses(onDisk, [[{ call: "flush", path: 7, effect: fail }]], /^path/);
});

test("a fault that is refused is not added; every one that can strike is", () => {
  const faulty = store();
  assert.throws(
    () => faulty.inject({ call: "flush", times: 0, effect: { kind: "fail", errno: "EIO" } }),
    walFault("WAL_INVALID_ARGUMENT"),
  );
  assert.equal(faulty.faultsWaiting, 0);
  faulty.inject({ call: "flush", times: Number.POSITIVE_INFINITY, effect: { kind: "delay", turns: 0 } });
  faulty.inject({ call: "writeAt", nth: 3, effect: { kind: "short", most: 0, errno: "EDQUOT" } });
  assert.equal(faulty.faultsWaiting, 2);
  const disk = new SimulatedDisk();
  disk.inject({ call: "write", path: "/logs/*", effect: { kind: "misdirected", by: -512 } });
  disk.inject({ call: "flushDirectory", effect: { kind: "lie" } });
  disk.inject({ call: "flush", effect: { kind: "fail", errno: "EIO", pages: "dirty" } });
  assert.equal(disk.faultsWaiting, 3);
});

test("what a crash, a stop and a rotten bit are told is of their kind", () => {
  const crash = diskWith("crash");
  refuses(crash, [["none"], [null], [[]]], /^crash takes an object/);
  refuses(crash, [[{ kep: "none" }]], /has no option "kep"/);
  refuses(crash, [[{ tear: "page" }]], /^tear of crash is one of "sector", "byte", "never"; got "page"/);
  refuses(crash, [
    [{ names: "none" }],
    [{ keep: "most" }],
    [{ order: 1 }],
    [{ room: "" }],
    [{ chooser: Math.random }],
  ]);
  refuses(
    diskWith("stopAt"),
    [[], [0], [-1], [1.5], [Number.NaN], [Number.POSITIVE_INFINITY]],
    /^nth of stopAt/,
  );
  refuses(diskWith("rot"), [
    ["/f", 0, { bit: 9 }],
    ["/f", 0, { bits: 1 }],
    ["/f", Number.NaN],
    ["/f", 0, null],
  ]);
  assert.doesNotThrow(() => {
    crash();
    crash({ keep: undefined, tear: "never", chooser: { next: () => 0 } });
    diskWith("stopAt")(1, true);
    diskWith("rot")("/f", 100, { bit: 7, cached: true });
  });
});

test("a disk is made of options that it has", () => {
  refuses(newDisk, [["seed"], [null]], /^new SimulatedDisk takes an object/);
  refuses(newDisk, [[{ sed: 1 }]], /has no option "sed". There are: seed, files, /);
  refuses(newDisk, [
    [{ seed: "x" }],
    [{ files: { "/a": "text" } }],
    [{ files: { a: new Uint8Array() } }],
    [{ directories: "/logs" }],
    [{ directories: ["logs"] }],
    [{ capacity: Number.NaN }],
    [{ flushTurns: Number.NaN }],
    [{ flushTurns: -1 }],
  ]);
  const disk = new SimulatedDisk({
    capacity: Number.POSITIVE_INFINITY,
    directories: ["/a/b"],
    flushTurns: 0,
  });
  assert.deepEqual(disk.list("/a"), ["b"]);
});

test("a FaultStore is around a store", async () => {
  const wal = await Wal.withStore(new MemStore());
  refuses(newFaultStore, [[], [null], [{}], [wal]], /^The store of a FaultStore is a WalStore; got /);
});

test("the suite is given what it needs, and options that it has", async () => {
  const suite = storeConformance as Loose;
  const options = { test: () => {} };
  refuses(suite, [[make], [make, null]], /^storeConformance takes an object, with test, /);
  refuses(
    suite,
    [
      [make, {}],
      [make, { test: true }],
    ],
    /storeConformance\(makeStore, \{ test \}\)/,
  );
  refuses(
    suite,
    [
      [new MemStore(), options],
      [undefined, options],
    ],
    /\(\) => new MyStore\(\)/,
  );
  for (const wrong of [
    { farOffset: -1 },
    { growBytes: Number.NaN },
    { growBytes: 0 },
    { seed: "x" },
    { settleMilliseconds: 0 },
    { name: 7 },
    { reopen: true },
    { failFlush: "EIO" },
    { expect: ["locks"] },
    { expect: "lock" },
    { groBytes: 1 },
  ]) {
    refuses(suite, [[make, { ...options, ...wrong }]]);
  }
  const said: Promise<unknown>[] = [];
  const nothing = (() => undefined) as unknown as () => WalStore;
  storeConformance(nothing, { test: (_name, body) => said.push(body().catch((error: unknown) => error)) });
  for (const error of await Promise.all(said)) {
    assert.ok(error instanceof WalError);
    assert.equal(error.message, "What makeStore gives is a WalStore; got undefined.");
  }
  assert.ok(said.length > 30);
});

test("what is called after close can be seen", async () => {
  const faulty = store();
  const wal = await Wal.withStore(faulty);
  await wal.appendAndSync("one");
  await wal.close();
  assert.deepEqual(faulty.callsAfterClose, []);
  faulty.readAt(0, new Uint8Array(1));
  faulty.flushBlocking();
  faulty.close();
  assert.deepEqual(faulty.callsAfterClose, ["readAt", "flush", "close"]);
});
