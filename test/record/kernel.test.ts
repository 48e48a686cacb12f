import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { crc32c, Lsn, MemStore, Wal } from "wal-db";
import { crc32cRange, crc32cSliced, crcKernel } from "#internal/record/crc32c.js";
import { FrameBuffer } from "#internal/record/frame.js";
import { kernelInputBytes, kernelScratchBytes } from "#internal/record/kernel.js";
import { Scan } from "#internal/record/scan.js";
import { logOf } from "../support/plain-format.ts";
import { projectDir } from "../support/project.ts";
import { Random } from "#internal/testing/random.js";

const polynomial = 0x82f63b78;

/** x^(8n) modulo the polynomial, reflected. */
function power(n: number): number {
  let crc = 0x80000000;
  for (let i = 0; i < 8 * n; i++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
  return crc >>> 0;
}

test("the equations that the folds rest on: x^(8n) is the sum of the terms", () => {
  for (const shifts of [
    [19, 40, 43, 45, 46, 48, 52, 54, 62],
    [65, 155, 170, 195, 209],
  ]) {
    const n = shifts.at(-1) ?? 0;
    const sum = shifts.reduce((crc, shift) => crc ^ power(n - shift), 0);
    assert.equal(sum >>> 0, power(n), `${n} bytes`);
  }
});

test("kernel and tables agree on every length from 0 to 4096, in the kernel's memory and out of it", () => {
  const kernel = crcKernel();
  assert.ok(kernel !== null, "this runtime has a kernel");
  const bytes = new Random(7).bytes(4096 + 16);
  const frames = new FrameBuffer();
  frames.reset();
  const inside = frames.bytes;
  assert.equal(inside.buffer, kernel.buffer);
  inside.set(bytes);
  let seed = 0;
  for (let length = 0; length <= 4096; length++) {
    const from = length % 16;
    const expected = crc32cSliced(bytes, from, from + length, seed);
    assert.equal(
      kernel.crc(bytes, from, from + length, seed),
      expected,
      `${length} bytes from ${from}, copied`,
    );
    assert.equal(
      kernel.crc(inside, from, from + length, seed),
      expected,
      `${length} bytes from ${from}, there`,
    );
    assert.equal(crc32cRange(bytes, from, from + length, seed), expected, `${length} bytes from ${from}`);
    seed = expected;
  }
  frames.done();
});

test("a frame that the kernel has sealed is the one that the tables seal", () => {
  const payload = new Random(12).bytes(kernelScratchBytes);
  const sealed = (length: number, at: string): Uint8Array => {
    const frames = new FrameBuffer();
    // Not begun anew, a buffer has memory of its own.
    if (at === "scratch") frames.reset();
    frames.add(payload.subarray(0, length), payload.length);
    assert.equal(frames.bytes.buffer === crcKernel()?.buffer, at === "scratch");
    const frame = frames.view().slice();
    frames.done();
    return frame;
  };
  const around = [1, 2, 3, 7].flatMap((n) => [-8, -7, -4, -3, 0, 1, 127, 300].map((d) => n * 65_536 + d));
  const lengths = [...Array.from({ length: 600 }, (_, n) => n), ...around, kernelScratchBytes - 8];
  for (const length of lengths) {
    assert.deepEqual(sealed(length, "scratch"), sealed(length, "own"), `${length} bytes`);
  }
});

test("frames that outgrow the scratch take what was framed there along", () => {
  const random = new Random(13);
  const payloads = Array.from({ length: 12 }, () => random.bytes(50_000));
  const frames = new FrameBuffer();
  frames.reset();
  for (const payload of payloads) frames.add(payload, payload.length);
  assert.ok(frames.length > kernelScratchBytes, "they did outgrow it");
  assert.deepEqual(frames.view(), logOf(payloads));
  frames.done();
});

test("while another has the scratch, what had it before seals in memory of its own", () => {
  const frames = new FrameBuffer();
  const payload = new Random(14).bytes(200);
  for (const user of [null, {}, null]) {
    if (user !== null) crcKernel()?.takeScratch(user);
    frames.reset();
    frames.add(payload, payload.length);
    assert.equal(frames.bytes.buffer === crcKernel()?.buffer, user === null);
    assert.deepEqual(frames.view(), logOf([payload]));
    frames.done();
    if (user !== null) crcKernel()?.giveScratchBack(user);
  }
});

test("every alignment, and every place to split, gives the same", () => {
  const bytes = new Random(8).bytes(1400);
  const lengths = [0, 64, 127, 128, 159, 160, 256, 512, 1023, 1024, 1056, 1248].flatMap((n) => [
    n,
    n + 1,
    n + 15,
  ]);
  for (let from = 0; from < 32; from++) {
    for (const length of lengths) {
      const expected = crc32cSliced(bytes, from, from + length, 0);
      assert.equal(crc32cRange(bytes, from, from + length), expected, `${length} bytes from ${from}`);
    }
  }
  const whole = crc32cSliced(bytes, 0, 700, 0);
  for (let at = 0; at <= 700; at++) {
    assert.equal(crc32cRange(bytes, at, 700, crc32cRange(bytes, 0, at)), whole, `split at ${at}`);
  }
});

test("inputs around and beyond what the kernel looks at in one go", () => {
  const bytes = new Random(9).bytes(3 * kernelInputBytes + 300);
  for (const length of [-1, 0, 1, 15, 16, 130, 145, 146, 255, 256, 300].map((n) => n + kernelInputBytes)) {
    assert.equal(crc32cRange(bytes, 5, 5 + length), crc32cSliced(bytes, 5, 5 + length, 0), `${length} bytes`);
  }
  assert.equal(crc32cRange(bytes, 0, bytes.length), crc32cSliced(bytes, 0, bytes.length, 0));
});

test("one changed bit in a fold is seen, wherever it is", () => {
  for (const length of [420, 1300]) {
    const bytes = new Random(10).bytes(length);
    const whole = crc32cRange(bytes, 0, length);
    for (let bit = 0; bit < length * 8; bit++) {
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      assert.notEqual(crc32cRange(bytes, 0, length), whole, `bit ${bit} of ${length} bytes`);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    }
  }
});

/** A log of `sizes`, as the scan reads it. */
function framed(sizes: readonly number[]): { bytes: Uint8Array; starts: number[] } {
  const random = new Random(11);
  const frames = new FrameBuffer();
  const starts: number[] = [];
  frames.reset();
  for (const size of sizes) {
    starts.push(frames.length);
    frames.add(random.bytes(size), 1 << 20);
  }
  const bytes = frames.view().slice();
  frames.done();
  return { bytes, starts };
}

function scanned(bytes: Uint8Array): { starts: number[]; last: string; at: number } {
  const scan = new Scan(Lsn(0), bytes.length, 1 << 20);
  scan.show(bytes, 0, bytes.length);
  const starts: number[] = [];
  let step = scan.step();
  for (; step === "record"; step = scan.step()) starts.push(scan.lsn);
  return { starts, last: step === "damage" ? scan.reason : step, at: scan.offset };
}

test("a scan that verifies ahead stops at the very record that is damaged, whichever it is", () => {
  const sizes = Array.from({ length: 60 }, (_, i) => [0, 1, 7, 56, 200, 256, 3000][i % 7] as number);
  const { bytes, starts } = framed(sizes);
  assert.deepEqual(scanned(bytes), { starts, last: "end", at: bytes.length });
  starts.forEach((start, index) => {
    const size = 8 + (sizes[index] as number);
    // The checksum; of a record with a payload its first byte and its last.
    for (const at of size > 8 ? [start, start + 8, start + size - 1] : [start]) {
      const intact = bytes[at] as number;
      bytes[at] = intact ^ 0x10;
      const { starts: found, last, at: stopped } = scanned(bytes);
      assert.deepEqual(found, starts.slice(0, index), `byte ${at} of the record at ${start}`);
      assert.equal(last, "checksum-mismatch");
      assert.equal(stopped, start);
      bytes[at] = intact;
    }
  });
});

test("the store of one log may append to another: neither spoils the frame of the other", async () => {
  const other = await Wal.withStore(new MemStore());
  class Tee extends MemStore {
    override writeAt(offset: number, bytes: Uint8Array): void {
      other.append("a copy goes elsewhere first, and is longer than what it is a copy of".repeat(3));
      super.writeAt(offset, bytes);
    }
  }
  const wal = await Wal.withStore(new Tee());
  const texts = ["one", "two".repeat(50), "three"];
  for (const text of texts) wal.append(text);
  assert.deepEqual(
    Array.from(wal, (record) => record.text()),
    texts,
  );
  assert.equal(Array.from(other).length, 3);
  await wal.close();
  await other.close();
});

test("an append that fails gives the scratch back", async () => {
  const wal = await Wal.withStore(new MemStore(), { maxRecordSize: 10 });
  assert.throws(() => wal.append("longer than ten bytes"), { code: "WAL_RECORD_TOO_LARGE" });
  const user = {};
  assert.ok(crcKernel()?.takeScratch(user) !== null, "nobody has it");
  crcKernel()?.giveScratchBack(user);
  await wal.close();
});

test("without WebAssembly everything works the same, by tables", () => {
  const script = `
    delete globalThis.WebAssembly;
    const { Wal, MemStore, crc32c } = await import("wal-db");
    const wal = await Wal.withStore(new MemStore());
    const payload = new Uint8Array(5000).fill(3);
    for (let i = 0; i < 100; i++) wal.append(payload);
    console.log(Array.from(wal).length, crc32c(payload).toString(16));
    await wal.close();
  `;
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    cwd: projectDir,
    encoding: "utf8",
  });
  const crc = crc32cRange(new Uint8Array(5000).fill(3), 0, 5000).toString(16);
  assert.equal(out, `100 ${crc}\n`);
});

// The slip with Buffers: `buffer` is all of the memory that a view stands in. Here that was the kernel's own. It
// folded over its tables and work space, trapped, and had overwritten the record that was being written.
test("a store that takes the checksum of all the memory its bytes stand in harms nothing", async () => {
  const sums: number[] = [];
  class Slip extends MemStore {
    override writeAt(offset: number, bytes: Uint8Array): void {
      const all = new Uint8Array(bytes.buffer);
      sums.push(crc32c(all), crc32c(all.slice()));
      super.writeAt(offset, bytes);
    }
  }
  const wal = await Wal.withStore(new Slip());
  const lsn = wal.append("hello");
  assert.equal(wal.read(lsn).text(), "hello");
  assert.equal(sums[0], sums[1]);
  await wal.close();
});
