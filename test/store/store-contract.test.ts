/** What WalStore promises, held against every store there is: by the suite that authors of stores run too. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { FileStore, MemStore, SegmentedStore, type WalStore } from "wal-db";
import {
  type ConformanceScope,
  FaultStore,
  SimulatedDisk,
  storeConformance,
  type StoreConformanceOptions,
} from "wal-db/testing";
import { openFileStore } from "#internal/store/file-store.js";
import { MappedStore } from "wal-db/mapped";
import { openSegmentedStore } from "#internal/store/segmented-store.js";
import { FaultDisk } from "../support/fault-disk.ts";
import { fastScratchDir, scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";

interface Subject {
  readonly make: (scope: ConformanceScope) => WalStore;
  readonly options?: Partial<StoreConformanceOptions>;
}

const ofFile: Partial<StoreConformanceOptions> = {
  reopen: (store) => FileStore.open((store as FileStore).path),
};

const ofSegments: Partial<StoreConformanceOptions> = {
  reopen: (store) =>
    SegmentedStore.open((store as SegmentedStore).dir, (store as SegmentedStore).segmentSize),
};

const ofMaps: Partial<StoreConformanceOptions> = {
  reopen: (store) => MappedStore.open((store as MappedStore).dir, (store as MappedStore).segmentSize),
};

const stores: Readonly<Record<string, Subject>> = {
  MemStore: {
    make: () => new MemStore(),
    options: { reopen: (store) => new MemStore((store as MemStore).toBytes(), store.head) },
  },
  "FaultStore around a MemStore": {
    make: () => new FaultStore(new MemStore()),
    options: {
      failFlush: (store) =>
        (store as FaultStore).inject({ call: "flush", times: 2, effect: { kind: "fail", errno: "EIO" } }),
    },
  },
  FileStore: { make: (scope) => FileStore.open(join(scratchDir(scope), "log.wal")), options: ofFile },
  "FileStore on a disk that moves three bytes at a time and is interrupted": {
    make: (scope) => openFileStore(join(scratchDir(scope), "log.wal"), { disk: hesitantDisk() }),
    options: ofFile,
  },
  "FileStore on a simulated disk": onSimulatedDisk((disk) => disk.fileStore("/log.wal")),
  // A file for each byte is not quick.
  "SegmentedStore of 1 byte": {
    make: (scope) => SegmentedStore.open(join(fastScratchDir(scope), "log"), 1),
    options: { ...ofSegments, growBytes: 2000, farOffset: 0 },
  },
  "SegmentedStore of 7 bytes": {
    make: (scope) => SegmentedStore.open(join(fastScratchDir(scope), "log"), 7),
    options: { ...ofSegments, growBytes: 20_000, farOffset: 0 },
  },
  "SegmentedStore of 512 bytes": {
    make: (scope) => SegmentedStore.open(join(fastScratchDir(scope), "log"), 512),
    options: { ...ofSegments, farOffset: 0 },
  },
  "SegmentedStore of one segment": {
    make: (scope) => SegmentedStore.open(join(scratchDir(scope), "log"), 1 << 20),
    options: ofSegments,
  },
  "SegmentedStore on a disk that moves three bytes at a time and is interrupted": {
    make: (scope) => openSegmentedStore(join(fastScratchDir(scope), "log"), 7, { disk: hesitantDisk() }),
    options: { ...ofSegments, growBytes: 20_000, farOffset: 0 },
  },
  "MappedStore of 7 bytes": {
    make: (scope) => MappedStore.open(join(fastScratchDir(scope), "log"), 7),
    options: { ...ofMaps, growBytes: 20_000, farOffset: 0 },
  },
  "MappedStore of 5000 bytes": {
    make: (scope) => MappedStore.open(join(fastScratchDir(scope), "log"), 5000),
    options: { ...ofMaps, farOffset: 0 },
  },
  "MappedStore of one segment": {
    make: (scope) => MappedStore.open(join(scratchDir(scope), "log"), 1 << 20),
    options: { ...ofMaps, farOffset: 0 },
  },
  "SegmentedStore on a simulated disk": onSimulatedDisk((disk) => disk.segmentedStore("/log", 512)),
};

function onSimulatedDisk(open: (disk: SimulatedDisk) => WalStore): Subject {
  const disks = new WeakMap<WalStore, SimulatedDisk>();
  const openOn = (disk: SimulatedDisk): WalStore => {
    const store = open(disk);
    disks.set(store, disk);
    return store;
  };
  const diskOf = (store: WalStore): SimulatedDisk => {
    const disk = disks.get(store);
    assert.ok(disk !== undefined);
    return disk;
  };
  return {
    make: () => openOn(new SimulatedDisk()),
    options: {
      reopen: (store) => openOn(diskOf(store)),
      failFlush: (store) => diskOf(store).inject({ call: "flush", effect: { kind: "fail", errno: "EIO" } }),
      farOffset: 0,
    },
  };
}

function hesitantDisk(): FaultDisk {
  const disk = new FaultDisk();
  for (const call of ["read", "readAhead", "write"] as const) {
    disk.faults[call] = (nth) => (nth % 5 === 0 ? { errno: "EINTR" } : { most: 3 });
  }
  return disk;
}

for (const [name, { make, options }] of Object.entries(stores)) {
  storeConformance(make, { ...options, name, test });
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test("MemStore: its image can be taken and given back, and neither is a view of the other", () => {
  const store = new MemStore();
  store.writeAt(0, bytes(1, 2, 3));
  const image = store.toBytes();
  assert.deepEqual(image, bytes(1, 2, 3));
  const second = new MemStore(image);
  image.fill(9);
  second.writeAt(3, bytes(4));
  assert.deepEqual(second.toBytes(), bytes(1, 2, 3, 4));
  assert.deepEqual(store.toBytes(), bytes(1, 2, 3));
});

test("MemStore: an image is bytes", () => {
  assert.throws(() => new MemStore("image" as unknown as Uint8Array), walFault("WAL_INVALID_ARGUMENT"));
});
