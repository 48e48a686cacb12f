/**
 * One file of a simulated disk.
 *
 *   seen       what reads give: every call that was made
 *   durable    what is on the disk: what flushes have put there
 *   pending    the calls that are in `seen` and not in `durable`, in the order made
 *   apart      a range outside of which seen and durable are alike below both their lengths
 *
 * `apart` is what keeps a crash cheap: seen is made durable's like by copying that range, and not
 * the file. Every call that touches seen alone widens it; it is closed when nothing is pending and
 * no byte has gone astray.
 *
 * A flush that fails does what Linux does: the pending writes are dropped and their pages count as
 * clean, so they are still seen and no later flush puts them on the disk. Each descriptor is told of
 * it once (errseq_t, since 4.13), one that is opened later too while nobody has been told.
 */
import type { Crash } from "./crash-options.ts";
import { GrowableBytes } from "./growable-bytes.ts";
import { shuffled } from "./random.ts";

const sectorBytes = 512;

interface PendingWrite {
  readonly kind: "write";
  readonly number: number;
  readonly position: number;
  readonly bytes: Uint8Array;
  /** Where the drive puts the bytes instead; null: nowhere. */
  readonly landsAt: number | null;
}

interface PendingCut {
  readonly kind: "cut";
  readonly number: number;
  readonly length: number;
}

type PendingCall = PendingWrite | PendingCut;

export class SimulatedFile {
  readonly kind = "file";
  readonly id: number;
  readonly seen: GrowableBytes = new GrowableBytes();
  readonly durable: GrowableBytes = new GrowableBytes();
  /** Failures to write back, and how many of them somebody was told of. */
  failures = 0;
  failuresTold = 0;
  #pending: PendingCall[] = [];
  #nextNumber = 1;
  #apartFrom = 0;
  #apartTo = 0;
  #astray = false;

  constructor(id: number, content?: Uint8Array) {
    this.id = id;
    if (content === undefined) return;
    this.seen.write(0, content);
    this.durable.write(0, content);
  }

  get isClean(): boolean {
    return this.#pending.length === 0 && !this.#astray;
  }

  /** The number of the next call: a flush that begins now speaks for those below. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  read(into: Uint8Array, position: number): number {
    const bytes = this.seen.view(position, position + into.length);
    into.set(bytes);
    return bytes.length;
  }

  /** @param landsAt Where the drive puts the bytes; null: nowhere. Default: where they belong. */
  write(position: number, bytes: Uint8Array, landsAt: number | null = position): void {
    if (bytes.length === 0) return;
    this.#widen(Math.min(position, this.seen.length), position + bytes.length);
    this.seen.write(position, bytes);
    this.#pending.push({ kind: "write", number: this.#nextNumber++, position, bytes, landsAt });
  }

  cut(length: number): void {
    this.#widen(Math.min(length, this.seen.length), Math.max(length, this.seen.length));
    this.seen.resize(length);
    this.#pending.push({ kind: "cut", number: this.#nextNumber++, length });
  }

  /**
   * Puts the calls below `number` on the disk.
   *
   * @param all False: as fdatasync, which need not make a smaller size durable.
   */
  settle(number: number, all: boolean): void {
    const before = this.durable.length;
    const later = this.#take(number, (call) => this.#apply(call));
    const { length } = this.durable;
    if (!all && length < before) {
      this.durable.growOver(before);
      later.unshift({ kind: "cut", number: 0, length });
    }
    this.#pending = later;
    this.#close();
  }

  /** The calls below `number` could not be written back: cuts stay pending, writes are lost and still seen. */
  lose(number: number): void {
    const cuts: PendingCall[] = [];
    const later = this.#take(number, (call) => {
      if (call.kind === "cut") cuts.push(call);
      else this.#astray = true;
    });
    this.#pending = [...cuts, ...later];
  }

  /** Flips bits on the disk; also in the cache, unless the page is `cached`. */
  rot(offset: number, mask: number, cached: boolean): void {
    for (const bytes of cached ? [this.durable] : [this.durable, this.seen]) {
      const old = bytes.view(offset, offset + 1)[0];
      if (old !== undefined) bytes.write(offset, Uint8Array.of(old ^ mask));
    }
    this.#widen(offset, offset + 1);
    this.#astray = true;
  }

  /** All of it is lost, flushed or not; what is in the cache is still seen. */
  forget(): void {
    this.#widen(0, Math.max(this.seen.length, this.durable.length));
    this.#pending = [];
    this.durable.resize(0);
    this.#astray = true;
  }

  /** The cache lets go of what is clean: from here on reads show what the disk has. */
  dropCache(): void {
    this.#alike();
    for (const call of this.#pending) {
      if (call.kind === "cut") this.seen.resize(call.length);
      else this.seen.write(call.position, call.bytes);
    }
  }

  /** What is left when the power goes. */
  crash(crash: Crash): void {
    const calls = crash.order === "any" ? shuffled(this.#pending, crash.chooser) : this.#pending;
    for (const call of calls) this.#crashCall(call, crash);
    this.#pending = [];
    this.failures = 0;
    this.failuresTold = 0;
    this.#alike();
    this.#astray = false;
    this.#close();
  }

  /* A call kept is 4 of 10, lost 3, torn 2, and room without bytes 1. */
  #crashCall(call: PendingCall, crash: Crash): void {
    const fate = crash.keep === "all" ? 0 : crash.keep === "none" ? 9 : crash.chooser.next(10);
    if (fate < 4) {
      this.#apply(call);
      crash.counts.kept++;
    } else if (fate < 7 || fate === 9) {
      if (fate === 9 && crash.keep === "some" && call.kind === "write") this.#makeRoom(call, crash);
      else crash.counts.lost++;
    } else if (call.kind === "write") this.#tear(call, crash);
    else crash.counts.lost++;
  }

  /** The size of the file came to the disk, and none of the bytes. */
  #makeRoom(call: PendingWrite, crash: Crash): void {
    this.#grow(call.position + call.bytes.length, crash);
    crash.counts.torn++;
  }

  #grow(length: number, crash: Crash): void {
    if (length <= this.durable.length) return;
    if (crash.room === "remains") this.durable.growOver(length);
    else this.durable.resize(length);
  }

  /** The front reached the disk, or the end, or here and there a piece. */
  #tear(call: PendingWrite, crash: Crash): void {
    const { chooser } = crash;
    const bounds = boundsOf(call, crash);
    if (bounds.length === 2) {
      const kept = chooser.next(2) === 0;
      if (kept) this.#apply(call);
      crash.counts[kept ? "kept" : "lost"]++;
      return;
    }
    const pieces = bounds.length - 1;
    const how = chooser.next(3);
    const at = 1 + chooser.next(pieces - 1);
    if (chooser.next(2) === 0) this.#grow(call.position + call.bytes.length, crash);
    for (let i = 0; i < pieces; i++) {
      const kept = how === 0 ? i < at : how === 1 ? i >= at : chooser.next(2) === 0;
      if (!kept) continue;
      const from = bounds[i] as number;
      this.#grow(call.position + from, crash);
      this.#land(call, from, bounds[i + 1] as number);
    }
    crash.counts.torn++;
  }

  #apply(call: PendingCall): void {
    if (call.kind === "cut") this.durable.resize(call.length);
    else this.#land(call, 0, call.bytes.length);
  }

  #land(call: PendingWrite, from: number, to: number): void {
    if (call.landsAt === call.position) {
      this.durable.write(call.position + from, call.bytes.subarray(from, to));
      return;
    }
    // The file system believes that the bytes are in their place: the file is as long as that.
    if (call.position + to > this.durable.length) this.durable.resize(call.position + to);
    this.#astray = true;
    if (call.landsAt === null) return;
    // Where the drive put them is beyond the file, or in it; only the latter is ever seen.
    const landed = call.bytes.subarray(
      from,
      Math.max(from, Math.min(to, this.durable.length - call.landsAt)),
    );
    this.#widen(call.landsAt + from, call.landsAt + from + landed.length);
    this.durable.write(call.landsAt + from, landed);
  }

  /** Takes the pending calls below `number` out, in order; returns the rest. */
  #take(number: number, each: (call: PendingCall) => void): PendingCall[] {
    const later: PendingCall[] = [];
    for (const call of this.#pending) {
      if (call.number < number) each(call);
      else later.push(call);
    }
    return later;
  }

  #alike(): void {
    this.seen.resize(this.durable.length);
    this.seen.write(this.#apartFrom, this.durable.view(this.#apartFrom, this.#apartTo));
  }

  #widen(from: number, to: number): void {
    const closed = this.#apartTo === this.#apartFrom;
    this.#apartFrom = closed ? from : Math.min(this.#apartFrom, from);
    this.#apartTo = closed ? to : Math.max(this.#apartTo, to);
  }

  #close(): void {
    if (!this.isClean) return;
    this.#apartFrom = 0;
    this.#apartTo = 0;
  }
}

/** Where a write can be torn: from 0 to its length, at the places that the crash allows. */
function boundsOf(call: PendingWrite, crash: Crash): number[] {
  const { length } = call.bytes;
  if (crash.tear === "never") return [0, length];
  if (crash.tear === "byte") {
    const cuts = [1 + crash.chooser.next(length), 1 + crash.chooser.next(length)].toSorted((a, b) => a - b);
    return [...new Set([0, ...cuts, length])];
  }
  const bounds = [0];
  const first = sectorBytes - (call.position % sectorBytes);
  for (let at = first; at < length; at += sectorBytes) bounds.push(at);
  bounds.push(length);
  return bounds;
}
