/**
 * A round: a process uses a log on a real file system, the power is cut under it, the file system is
 * mounted again, and the log is opened and held against a model that was fed with what the process
 * told. The log goes on from what was found, until there is a fault.
 *
 * What was acknowledged while the file system was being shut down does not count. A plain loop of
 * pwrite and fdatasync on ext4 and xfs (Linux 6.18) shows why: of 60 cuts, one to four had an
 * fdatasync that returned 0 and was lost, and each of them had returned after the request began.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Wal } from "wal-db";
import { contentOf } from "../support/log-driver.ts";
import { endOf, type LogContent, LogModel } from "../support/log-model.ts";
import { type PowerCut, writeBack } from "../support/loop-disk.ts";
import { Random } from "#internal/testing/random.js";
import { type LogKind, payloadOf, segmentBytes } from "./script.ts";

const writerPath = fileURLToPath(new URL("./writer.js", import.meta.url));

/** A line of the writer, taken apart. */
interface Told {
  readonly what: string;
  readonly at: number;
  readonly number: number;
  /** Told after the power cut had begun. */
  readonly isLate: boolean;
}

/** When to cut the power: so long after the log is open, or as soon as such a line is heard. */
export type Moment =
  | { readonly milliseconds: number }
  | { readonly line: "X" | "x" | "B" | "b" | "d"; readonly nth: number };

/** A line that does not come is not waited for longer. */
const waitMillisecondsMax = 400;

/** Lines that bind: from the moment the cut begins they are the word of a file system that is not there any more. */
const acknowledgements: ReadonlySet<string> = new Set(["d", "x", "b"]);

/** A log larger than this is left for a new one: each round reads all of it. */
const logBytesMax = 3 * 1024 * 1024;

/** How the process ends: with its machine, or alone. */
export type End = PowerCut | "kill";

/** Where the log is. */
export interface Place {
  readonly dir: string;
  /** Whether its power cut may show what was cut off before: then nothing is. */
  readonly showsOldBlocks: boolean;
  cutPower(how: PowerCut, pid: number | null): string | null;
  restart(): void;
}

/** A folder of this machine, which stays on: there the process can only be killed. */
export function folder(dir: string): Place {
  return { dir, showsOldBlocks: false, cutPower: () => "its power cannot be cut", restart: () => {} };
}

export interface Counts {
  rounds: number;
  /** Records announced, and records that were acknowledged and had to be there. */
  announced: number;
  acknowledged: number;
  /** Records found that had not been acknowledged: the disk had them all the same. */
  more: number;
  /** Logs whose tail was damaged, as the recovery saw it. */
  damaged: number;
}

export class PowerRounds {
  readonly counts: Counts = { rounds: 0, announced: 0, acknowledged: 0, more: 0, damaged: 0 };
  readonly #disk: Place;
  readonly #dist: string;
  readonly #kind: LogKind;
  readonly #seed: number;
  readonly #random: Random;
  /** Whether the end is cut off too. */
  readonly #cuts: "cuts" | "no-cuts";
  #model = new LogModel();
  #log = "";
  #logs = 0;
  #number = 0;

  /** @param dist The folder of the library that the process uses. What it leaves is judged by the one under test. */
  constructor(disk: Place, dist: string, kind: LogKind, seed: number) {
    this.#disk = disk;
    this.#dist = dist;
    this.#kind = kind;
    this.#seed = seed;
    this.#cuts = disk.showsOldBlocks ? "no-cuts" : "cuts";
    this.#random = new Random(seed);
    this.#newLog();
  }

  /** What is wrong with the log after one more end, or null. */
  async run(how: End, moment: Moment = this.#moment()): Promise<string | null> {
    this.counts.rounds++;
    const told = await this.#untilCut(how, moment);
    if (how !== "kill") this.#disk.restart();
    try {
      for (const line of told) if (!this.#hear(line)) break;
      await this.#judge(`end ${this.counts.rounds} (${how}, ${JSON.stringify(moment)})`, how);
      return null;
    } catch (error) {
      this.#newLog();
      return error instanceof Error ? error.message : String(error);
    }
  }

  #newLog(): void {
    this.#log = join(this.#disk.dir, `log-${this.#logs++}`);
    this.#model = new LogModel();
  }

  #moment(): Moment {
    if (this.#random.next(2) === 0) return { milliseconds: this.#random.next(120) };
    const line = (["X", "x", "B", "b", "d"] as const)[this.#random.next(5)] ?? "d";
    return { line, nth: 1 + this.#random.next(4) };
  }

  /** Runs the process until the power is cut; what it told before, and what it set out to do meanwhile. */
  async #untilCut(how: End, moment: Moment): Promise<Told[]> {
    const roundSeed = this.#random.next(2 ** 31);
    const args = [this.#dist, this.#kind, this.#log, this.#seed, roundSeed, this.#number, this.#cuts].map(
      String,
    );
    const child = spawn(process.execPath, [writerPath, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    const lines: string[] = [];
    let rest = "";
    let complaint = "";
    let isCut = false;
    let failure: string | null = null;
    let cutBegins = 0n;
    let cutEnds = 0n;
    let timer: NodeJS.Timeout | undefined;
    const cut = (): void => {
      if (isCut) return;
      isCut = true;
      if (how !== "kill") this.#stir();
      cutBegins = process.hrtime.bigint();
      if (how !== "kill") failure = this.#disk.cutPower(how, child.pid ?? null);
      cutEnds = process.hrtime.bigint();
      child.kill("SIGKILL");
    };
    const after = "milliseconds" in moment ? moment.milliseconds : waitMillisecondsMax;
    let left = "line" in moment ? moment.nth : Infinity;
    child.stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text));
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) {
        const [, what = ""] = line.split(" ", 2);
        lines.push(line);
        if (what === "o") timer ??= setTimeout(cut, after);
        if ("line" in moment && what === moment.line && --left === 0) cut();
        if (!isCut && how !== "kill" && this.#random.next(40) === 0) this.#stir();
      }
    });
    await ended(child);
    clearTimeout(timer);
    assert.ok(isCut, `the writer ended before the power was cut: ${lines.at(-1)}\n${complaint}`);
    assert.equal(failure, null);
    return lines.flatMap((line) => {
      const [time = "", what = "", ...values] = line.split(" ");
      const isLate = how !== "kill" && BigInt(time) > cutBegins;
      const isVoid = isLate && (acknowledgements.has(what) || BigInt(time) > cutEnds);
      return isVoid ? [] : [{ what, at: Number(values[0]), number: Number(values[1]), isLate }];
    });
  }

  /** The system writes back some of what is not flushed, as it does at any time and in any order. */
  #stir(): void {
    const files =
      this.#kind === "file" ? [this.#log] : readdirSync(this.#log).map((name) => join(this.#log, name));
    for (const file of files) {
      if (this.#random.next(3) !== 0) continue;
      const { size } = statSync(file, { throwIfNoEntry: false }) ?? { size: 0 };
      if (size === 0) continue;
      // Near the end, where what is not flushed stands.
      const offset = Math.max(0, size - this.#random.next(64 * 1024));
      try {
        writeBack(file, offset - (offset % 4096), 4096 * (1 + this.#random.next(4)));
      } catch {
        // Dropped by the log meanwhile.
      }
    }
  }

  /** False: nothing that follows counts. */
  #hear({ what, at, number, isLate }: Told): boolean {
    const model = this.#model;
    if (what === "w" || what === "+") {
      // An append that failed, as they do now, has given its place back.
      if (isLate && at < model.end) return false;
      const [lsn] = model.beginAppend([payloadOf(this.#seed, number)]);
      assert.equal(lsn, at, `record ${number} was appended at ${at}`);
      this.#number = number + 1;
      this.counts.announced++;
    } else if (what === "a") model.appended();
    else if (what === "d") model.synced(at);
    else if (what === "X") model.beginTruncateAfter(at);
    else if (what === "x") model.truncatedAfter();
    else if (what === "B") model.beginTruncateBefore(at);
    else if (what === "b") this.#headIs(at);
    else assert.ok(what === "o" || what === "e", `the writer told "${what}"`);
    return true;
  }

  #headIs(head: number): void {
    if (this.#kind === "segments") this.#model.truncatedBefore();
    assert.equal(this.#model.head, head, "the head that truncateBefore resolved with");
  }

  async #judge(what: string, how: End): Promise<void> {
    const { durable } = this.#model;
    const before = this.#model.records.filter((record) => endOf(record) <= durable).length;
    const wal = await this.#open();
    const found = await contentThenClose(wal);
    if (wal.recovery.damage !== null) this.counts.damaged++;
    this.#model.afterCrash(found, how === "kill" ? "kill" : "power", what);
    this.counts.acknowledged += before;
    this.counts.more += found.records.length - Math.min(before, found.records.length);
    await this.#judgeAgain(found, what);
    if (found.end > logBytesMax) this.#newLog();
  }

  /** What was recovered and closed is there again, every record of it verified. */
  async #judgeAgain(found: LogContent, what: string): Promise<void> {
    const wal = await this.#open("full");
    assert.deepEqual(await contentThenClose(wal), found, `${what}: opened again`);
    assert.equal(wal.recovery.damage, null, `${what}: opened again`);
    assert.equal(wal.durable, found.end, what);
  }

  #open(verify: "tail" | "full" = "tail"): Promise<Wal> {
    if (this.#kind === "file") return Wal.open(this.#log, { verify });
    return Wal.openSegmented(this.#log, { segmentSize: segmentBytes, verify });
  }
}

/** Also closed when it cannot be read: an open file would keep the file system from being unmounted. */
async function contentThenClose(wal: Wal): Promise<LogContent> {
  try {
    return contentOf(wal);
  } finally {
    await wal.close();
  }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => resolve());
  });
}
