/** What a block of the documentation leans on without showing it, by the name that it asks for. */
export const preludes: Readonly<Record<string, string>> = {
  // Nothing is missing: the names that each block of a doc comment uses are the package's own.
  Lsn: `import { Lsn } from "wal-db";`,

  crc32c: `import { crc32c } from "wal-db";`,

  MemStore: `import { MemStore, Wal } from "wal-db";`,

  FileStore: `import { FileStore, Wal } from "wal-db";`,

  WalError: `
    import { MemStore, Wal, WalError } from "wal-db";
    const wal = await Wal.withStore(new MemStore(), { maxRecordSize: 4 });
    const record = "too long";
    function split(whole: string): void {
      for (let at = 0; at < whole.length; at += 4) wal.append(whole.slice(at, at + 4));
    }
    process.on("exit", () => {
      if (wal.end !== 24) throw new Error("the example did not split the record: " + wal.end);
    });`,

  Wal: `
    import { Wal } from "wal-db";
    function apply(data: Uint8Array): void {
      void data;
    }`,

  "Wal.open": `import { Wal } from "wal-db";`,

  "Wal.withStore": `import { MemStore, Wal } from "wal-db";`,

  "Wal.attach": `
    import { MemStore, Wal } from "wal-db";
    const owner = await Wal.withStore(new MemStore());
    const workerData = owner.share();
    process.on("exit", () => {
      if (owner.end !== 27) throw new Error("the example left the log at " + owner.end);
    });`,

  "Wal.share": `
    import { writeFileSync } from "node:fs";
    import { Worker } from "node:worker_threads";
    import { MemStore, Wal } from "wal-db";
    const wal = await Wal.withStore(new MemStore());
    // The example shows one side; the other is that of Wal.attach.
    writeFileSync(new URL("./worker.js", import.meta.url), 'import "node:worker_threads";');`,

  "Wal.append": `
    import { MemStore, Wal } from "wal-db";
    const wal = await Wal.withStore(new MemStore());`,

  "Wal.appendBatch": `
    import { MemStore, Wal } from "wal-db";
    const wal = await Wal.withStore(new MemStore());`,

  "Wal.appendAndSync": `
    import { MemStore, Wal } from "wal-db";
    const wal = await Wal.withStore(new MemStore());
    const orders = [{ item: "tea" }, { item: "milk" }];`,

  "Wal.iter": `
    import { MemStore, Wal } from "wal-db";
    const wal = await Wal.withStore(new MemStore());
    wal.append("before");
    const checkpoint = wal.append("after");
    const applied: Uint8Array[] = [];
    function apply(data: Uint8Array): void {
      applied.push(data);
    }
    process.on("exit", () => {
      if (applied.length !== 1) throw new Error("the example read " + applied.length + " records");
    });`,

  "Wal.follow": `
    import { MemStore, Wal } from "wal-db";
    const wal = await Wal.withStore(new MemStore());
    wal.append("before");
    const checkpoint = wal.append("after");
    const sent: Uint8Array[] = [];
    async function send(data: Uint8Array): Promise<void> {
      sent.push(data);
    }
    void wal.close();
    process.on("exit", () => {
      if (sent.length !== 1) throw new Error("the example sent " + sent.length + " records");
    });`,

  "Wal.appendAll": `
    import { createReadStream, writeFileSync } from "node:fs";
    import { pipeline } from "node:stream/promises";
    import { MemStore, Wal } from "wal-db";
    const wal = await Wal.withStore(new MemStore());
    writeFileSync("orders.txt", "tea\\nmilk\\n");
    async function* split(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, void, undefined> {
      for await (const chunk of chunks) yield* chunk.toString().trimEnd().split("\\n");
    }
    process.on("exit", () => {
      if (wal.end !== 23) throw new Error("the example left the log at " + wal.end);
    });`,

  inspect: `
    import { inspect, Wal } from "wal-db";
    const wal = await Wal.open("app.wal");
    await wal.appendAndSync("hello");
    await wal.close();`,

  MappedStore: `
    import { Wal } from "wal-db";
    import { MappedStore } from "wal-db/mapped";`,

  SegmentedStore: `import { SegmentedStore, Wal } from "wal-db";`,

  convert: `
    import { convert, Wal } from "wal-db";
    const wal = await Wal.open("app.wal");
    wal.append("to be taken along");
    await wal.close();
    process.on("exit", () => {
      const segmented = Wal.openSegmentedBlocking("app-segments", { segmentSize: 16 * 1024 * 1024 });
      if (segmented.read(segmented.head).text() !== "to be taken along") throw new Error("it was not");
    });`,

  "Wal.openSegmented": `import { Wal } from "wal-db";`,

  "Wal.truncateAfter": `
    import { MemStore, Wal } from "wal-db";
    const wal = await Wal.withStore(new MemStore());
    const lastAgreed = wal.append("agreed");
    wal.append("not agreed");
    process.on("exit", () => {
      if (wal.end !== 14) throw new Error("the example left the log at " + wal.end);
    });`,

  "Wal.truncateBefore": `
    import { Wal } from "wal-db";
    const wal = await Wal.openSegmented("log", { segmentSize: 16 });
    wal.append("in the snapshot");
    const checkpoint = wal.append("after it");
    process.on("exit", () => {
      if (wal.head !== checkpoint) throw new Error("the example left the head at " + wal.head);
    });`,

  "Wal.retain": `
    import { Wal } from "wal-db";
    const wal = await Wal.openSegmented("log", { segmentSize: 16 });
    wal.append("in the snapshot");
    const checkpoint = wal.append("after it");`,

  "Wal.readers": `
    import { Wal } from "wal-db";
    const wal = await Wal.openSegmented("log");
    wal.reader("replica-1");`,

  "Wal.reader": `
    import { Wal } from "wal-db";
    const wal = await Wal.openSegmented("log");
    wal.append("to be sent");
    const sent: Uint8Array[] = [];
    async function send(data: Uint8Array): Promise<void> {
      sent.push(data);
    }
    process.on("exit", () => {
      if (sent.length !== 1) throw new Error("the example sent " + sent.length + " records");
    });`,

  PackIoError: `import { bool, PackIoError, string, struct, vec } from "wal-db/pack-io";`,

  vec: `import { u16, vec } from "wal-db/pack-io";`,

  tuple: `import { i32, tuple } from "wal-db/pack-io";`,

  option: `import { option, string } from "wal-db/pack-io";`,

  result: `import { result, string, u32 } from "wal-db/pack-io";`,

  struct: `import { type Infer, string, struct, u64, vec } from "wal-db/pack-io";`,

  enumeration: `import { enumeration, i32, string, struct, unit } from "wal-db/pack-io";`,

  lazy: `
    import type { Codec } from "wal-db";
    import { lazy, struct, u8, vec } from "wal-db/pack-io";`,

  map: `import { map, string, u32 } from "wal-db/pack-io";`,

  set: `import { set, string } from "wal-db/pack-io";`,

  limited: `import { limited, string } from "wal-db/pack-io";`,

  encode: `import { encode, u64 } from "wal-db/pack-io";`,

  decode: `import { decode, u64 } from "wal-db/pack-io";`,

  versioned: `
    import { deprecated, peekVersion, since, string, u16, u64, vec, versioned } from "wal-db/pack-io";`,

  Codec: `import type { Codec } from "wal-db";`,

  "WalRecord.decode": `
    import { type Codec, MemStore, Wal } from "wal-db";
    const wal = await Wal.withStore(new MemStore());
    wal.appendBatch(["5", "7"]);
    const amounts: Codec<number> = {
      encode: (value) => new TextEncoder().encode(String(value)),
      decode: (bytes) => Number(new TextDecoder().decode(bytes)),
    };
    let total = 0;`,

  "Wal.appendTyped": `
    import { Packr } from "msgpackr";
    import { MemStore, Wal } from "wal-db";
    const wal = await Wal.withStore(new MemStore());`,

  "Wal.typed": `
    import { Packr } from "msgpackr";
    import { MemStore, Wal } from "wal-db";
    const wal = await Wal.withStore(new MemStore());
    interface Event {
      kind: string;
      cents: number;
    }`,

  TypedWal: `
    import { MemStore, Wal } from "wal-db";
    import { json } from "wal-db/codecs";
    const wal = await Wal.withStore(new MemStore());
    interface Event {
      kind: string;
      cents: number;
    }`,

  json: `
    import { MemStore, Wal } from "wal-db";
    import { json } from "wal-db/codecs";
    const wal = await Wal.withStore(new MemStore());`,

  validated: `
    import { MemStore, Wal, type WalError } from "wal-db";
    import { json, validated } from "wal-db/codecs";
    import { z } from "zod";
    const wal = await Wal.withStore(new MemStore());`,

  batch: `
    import { MemStore, Wal } from "wal-db";
    import { batch, json } from "wal-db/codecs";
    const wal = await Wal.withStore(new MemStore());`,

  compressed: `
    import { MemStore, Wal } from "wal-db";
    import { compressed, json } from "wal-db/codecs";
    const wal = await Wal.withStore(new MemStore());`,

  encrypted: `
    import { randomBytes } from "node:crypto";
    import { MemStore, Wal } from "wal-db";
    import { encrypted, json } from "wal-db/codecs";
    const wal = await Wal.withStore(new MemStore());
    const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];`,

  Random: `import { Random } from "wal-db/testing";`,

  SimulatedDisk: `
    import { Wal } from "wal-db";
    import { SimulatedDisk } from "wal-db/testing";`,

  FaultStore: `
    import { MemStore, Wal, type WalError } from "wal-db";
    import { FaultStore } from "wal-db/testing";`,

  storeConformance: `
    import { test } from "node:test";
    import { MemStore } from "wal-db";
    import { storeConformance } from "wal-db/testing";`,

  /** Documentation: an open log named wal, in a file that did not exist. */
  // Counts what an SDK would export, and looks at it in the end.
  opentelemetry: `
    import * as api from "@opentelemetry/api";
    const counted = new Map<string, number>();
    const spans: string[] = [];
    const instrument = (name: string) => {
      const count = (value: number): void => void counted.set(name, (counted.get(name) ?? 0) + value);
      return { add: count, record: count };
    };
    const testMeter = { createCounter: instrument, createHistogram: instrument };
    api.metrics.setGlobalMeterProvider({ getMeter: () => testMeter as unknown as api.Meter });
    const startSpan = (name: string) => {
      spans.push(name);
      return api.trace.wrapSpanContext(api.INVALID_SPAN_CONTEXT);
    };
    api.trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan }) as unknown as api.Tracer });
    process.on("exit", () => {
      const told = [counted.get("wal.append.records"), counted.get("wal.append.bytes"), counted.get("wal.flush.group_size")];
      if (told.join() !== "2,23,2") throw new Error("the example counted " + told.join());
      if (!((counted.get("wal.flush.duration") ?? 0) > 0)) throw new Error("the example told no latency");
      if (spans.join() !== "wal.recovery,wal.flush") throw new Error("the example made the spans " + spans.join());
    });`,

  "open-log": `
    import { Wal } from "wal-db";
    const wal = await Wal.open("app.wal");`,
};
