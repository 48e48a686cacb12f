import { basename } from "node:path";
import type { Disk, FileStat, OpenMode } from "#internal/store/disk.js";
import { nodeDisk } from "#internal/store/node-disk.js";
import { systemError } from "./wal-fault.ts";

/** What one call does instead of its work: fails, or moves at most `most` bytes and then may fail. */
export type DiskFault = { readonly errno: string } | { readonly most: number };

/** Told the call's number, counted from 1 for each kind; undefined: the call is left alone. */
export type FaultPlan = (nth: number) => DiskFault | undefined;

export type FaultyCall =
  | "open"
  | "statOpen"
  | "read"
  | "readAhead"
  | "write"
  | "truncate"
  | "flushData"
  | "flushAll"
  | "flushDirectory"
  | "rename"
  | "remove";

/** The real disk, with failures made to order, an account of every call, and of what is open. */
export class FaultDisk implements Disk {
  /** "write app.wal", "flushDirectory logs", ... in order. */
  readonly calls: string[] = [];
  readonly faults: Partial<Record<FaultyCall, FaultPlan>> = {};
  /** Makes asynchronous calls wait until the test says so. */
  gate: Promise<void> = Promise.resolve();
  readonly #open = new Map<number, string>();
  readonly #counts = new Map<FaultyCall, number>();

  /** The names of the files that are open now. */
  get openFiles(): string[] {
    return [...this.#open.values()];
  }

  callsOf(...kinds: readonly string[]): string[] {
    return this.calls.filter((call) => kinds.includes(call.split(" ")[0] ?? ""));
  }

  #enter(call: FaultyCall, name: string, length = 0): number {
    this.calls.push(`${call} ${name}`);
    const nth = (this.#counts.get(call) ?? 0) + 1;
    this.#counts.set(call, nth);
    const fault = this.faults[call]?.(nth);
    if (fault === undefined) return length;
    if ("errno" in fault) throw systemError(fault.errno);
    return Math.min(fault.most, length);
  }

  #nameOf(fd: number): string {
    const name = this.#open.get(fd);
    if (name === undefined) throw new Error(`descriptor ${fd} is not open: it was closed and used after`);
    return name;
  }

  resolve(path: string): string {
    return nodeDisk.resolve(path);
  }
  stat(path: string): FileStat {
    return nodeDisk.stat(path);
  }
  list(directory: string): string[] {
    return nodeDisk.list(directory);
  }
  open(path: string, mode: OpenMode): number {
    this.#enter("open", `${basename(path)} ${mode}`);
    const fd = nodeDisk.open(path, mode);
    this.#open.set(fd, basename(path));
    return fd;
  }
  close(fd: number): void {
    this.calls.push(`close ${this.#nameOf(fd)}`);
    this.#open.delete(fd);
    nodeDisk.close(fd);
  }
  statOpen(fd: number): FileStat {
    this.#enter("statOpen", this.#nameOf(fd));
    return nodeDisk.statOpen(fd);
  }
  read(fd: number, into: Uint8Array, from: number, length: number, position: number): number {
    const allowed = this.#enter("read", this.#nameOf(fd), length);
    return nodeDisk.read(fd, into, from, allowed, position);
  }
  async readAhead(
    fd: number,
    into: Uint8Array,
    from: number,
    length: number,
    position: number,
  ): Promise<number> {
    const allowed = this.#enter("readAhead", this.#nameOf(fd), length);
    await this.gate;
    this.#nameOf(fd);
    return nodeDisk.readAhead(fd, into, from, allowed, position);
  }
  write(fd: number, bytes: Uint8Array, from: number, length: number, position: number): number {
    const allowed = this.#enter("write", this.#nameOf(fd), length);
    return allowed === 0 && length > 0 ? 0 : nodeDisk.write(fd, bytes, from, allowed, position);
  }
  truncate(fd: number, length: number): void {
    this.#enter("truncate", this.#nameOf(fd));
    nodeDisk.truncate(fd, length);
  }
  async flushData(fd: number): Promise<void> {
    this.#enter("flushData", this.#nameOf(fd));
    await this.gate;
    this.#nameOf(fd);
    return nodeDisk.flushData(fd);
  }
  flushDataBlocking(fd: number): void {
    this.#enter("flushData", this.#nameOf(fd));
    nodeDisk.flushDataBlocking(fd);
  }
  async flushAll(fd: number): Promise<void> {
    this.#enter("flushAll", this.#nameOf(fd));
    await this.gate;
    this.#nameOf(fd);
    return nodeDisk.flushAll(fd);
  }
  flushAllBlocking(fd: number): void {
    this.#enter("flushAll", this.#nameOf(fd));
    nodeDisk.flushAllBlocking(fd);
  }
  openDirectory(path: string): number {
    this.#enter("open", `${basename(path)} directory`);
    const fd = nodeDisk.openDirectory(path);
    this.#open.set(fd, basename(path));
    return fd;
  }
  async flushDirectory(directory: string): Promise<void> {
    this.#enter("flushDirectory", basename(directory));
    await this.gate;
    return nodeDisk.flushDirectory(directory);
  }
  flushDirectoryBlocking(directory: string): void {
    this.#enter("flushDirectory", basename(directory));
    nodeDisk.flushDirectoryBlocking(directory);
  }
  lock(fd: number, path: string): boolean {
    return nodeDisk.lock(fd, path);
  }
  lockShared(fd: number, path: string): boolean {
    return nodeDisk.lockShared(fd, path);
  }
  unlock(fd: number): void {
    nodeDisk.unlock(fd);
  }
  rename(from: string, to: string): void {
    this.#enter("rename", `${basename(from)} ${basename(to)}`);
    nodeDisk.rename(from, to);
  }
  remove(path: string): void {
    this.#enter("remove", basename(path));
    nodeDisk.remove(path);
  }
  makeDirectory(path: string): void {
    nodeDisk.makeDirectory(path);
  }
  removeDirectory(path: string): void {
    nodeDisk.removeDirectory(path);
  }
}
