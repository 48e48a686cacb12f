/**
 * The directories of a simulated disk: which names lead to which files. As in a file, what is seen
 * and what is on the disk are two things; what was changed since the last flush stands in between,
 * in the order made. The flush of a directory makes the changes durable that are of that directory,
 * and no others; a crash keeps a prefix of the rest (a journal writes in order), or any of it.
 *
 * A change is whole or not at all: a rename that was lost has left the old name, one that was kept
 * has taken it away.
 */
import type { Crash } from "./crash-options.ts";
import { SimulatedFile } from "./simulated-file.ts";
import { systemError } from "./system-error.ts";

export class SimulatedDirectory {
  readonly kind = "directory";
  readonly id: number;
  seen: Map<string, SimulatedNode> = new Map();
  readonly durable: Map<string, SimulatedNode> = new Map();

  constructor(id: number) {
    this.id = id;
  }
}

export type SimulatedNode = SimulatedFile | SimulatedDirectory;

/** A name in a directory. The directory is there; what the name leads to need not be. */
interface Place {
  readonly directory: SimulatedDirectory;
  readonly name: string;
}

interface NameChange extends Place {
  readonly number: number;
  /** What the name leads to from here on; null: nothing. */
  readonly node: SimulatedNode | null;
  /** The name that it had before. */
  readonly from: Place | null;
}

type View = "seen" | "durable";

export class SimulatedNames {
  readonly #root: SimulatedDirectory = new SimulatedDirectory(1);
  #nextId = 2;
  #nextNumber = 1;
  #changes: NameChange[] = [];

  /** The number of the next change: a flush that begins now speaks for those below. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  get hasUnflushed(): boolean {
    return this.#changes.length > 0;
  }

  find(path: string): SimulatedNode | undefined {
    let node: SimulatedNode | undefined = this.#root;
    for (const name of partsOf(path)) {
      if (node === undefined) return undefined;
      if (node.kind === "file") throw systemError("ENOTDIR", `'${path}'`);
      node = node.seen.get(name);
    }
    return node;
  }

  directory(path: string, call: string): SimulatedDirectory {
    const node = this.find(path);
    if (node === undefined) throw systemError("ENOENT", `${call} '${path}'`);
    if (node.kind !== "directory") throw systemError("ENOTDIR", `${call} '${path}'`);
    return node;
  }

  createFile(path: string): SimulatedFile {
    const file = new SimulatedFile(this.#nextId++);
    this.#link(path, file, "open");
    return file;
  }

  makeDirectory(path: string): void {
    if (this.find(path) !== undefined) throw systemError("EEXIST", `mkdir '${path}'`);
    this.#link(path, new SimulatedDirectory(this.#nextId++), "mkdir");
  }

  /** A file or directory that has always been there, with all the directories above it. */
  place(path: string, content: Uint8Array | null): void {
    const parts = partsOf(path);
    let directory = this.#root;
    for (const [i, name] of parts.entries()) {
      const isFile = content !== null && i === parts.length - 1;
      const there = directory.seen.get(name);
      if (there?.kind === "file" || (there !== undefined && isFile)) throw systemError("EEXIST", `'${path}'`);
      const id = this.#nextId++;
      const node = there ?? (isFile ? new SimulatedFile(id, content) : new SimulatedDirectory(id));
      directory.seen.set(name, node);
      directory.durable.set(name, node);
      if (node.kind === "directory") directory = node;
    }
  }

  rename(from: string, to: string): void {
    const where = `rename '${from}' -> '${to}'`;
    const node = this.find(from);
    if (node === undefined) throw systemError("ENOENT", where);
    if (isBelow(from, to)) throw systemError("EINVAL", where);
    const target = this.find(to);
    if (target === node) return;
    if (target?.kind === "directory" && node.kind === "file") throw systemError("EISDIR", where);
    if (target?.kind === "file" && node.kind === "directory") throw systemError("ENOTDIR", where);
    if (target?.kind === "directory" && target.seen.size > 0) throw systemError("ENOTEMPTY", where);
    this.#change({ ...this.#placeOf(to, where), node, from: this.#placeOf(from, where) });
  }

  remove(path: string): void {
    const node = this.find(path);
    if (node === undefined) throw systemError("ENOENT", `unlink '${path}'`);
    if (node.kind === "directory") throw systemError("EISDIR", `unlink '${path}'`);
    this.#change({ ...this.#placeOf(path, "unlink"), node: null, from: null });
  }

  removeDirectory(path: string): void {
    const directory = this.directory(path, "rmdir");
    if (directory.seen.size > 0) throw systemError("ENOTEMPTY", `rmdir '${path}'`);
    this.#change({ ...this.#placeOf(path, "rmdir"), node: null, from: null });
  }

  /** Makes the changes of a directory durable that are below `number`. */
  settle(directory: SimulatedDirectory, number: number): void {
    const rest: NameChange[] = [];
    for (const change of this.#changes) {
      if (change.directory === directory && change.number < number) apply(change, "durable");
      else rest.push(change);
    }
    this.#changes = rest;
  }

  /** What is left when the power goes. */
  crash(crash: Crash): void {
    if (this.#changes.length === 0) return;
    const kept = this.#keptBy(crash);
    for (const change of kept) apply(change, "durable");
    crash.counts.namesKept += kept.length;
    crash.counts.namesLost += this.#changes.length - kept.length;
    const touched = new Set<SimulatedDirectory>();
    for (const change of this.#changes) {
      touched.add(change.directory);
      if (change.from !== null) touched.add(change.from.directory);
    }
    for (const directory of touched) directory.seen = new Map(directory.durable);
    this.#changes = [];
  }

  /** Every file, with its path, in the order of paths. */
  *files(view: View): Generator<[path: string, file: SimulatedFile]> {
    yield* filesBelow(this.#root, "", view);
  }

  #keptBy(crash: Crash): NameChange[] {
    if (crash.keep === "none") return [];
    if (crash.keep === "all") return this.#changes;
    if (crash.names === "any") return this.#changes.filter(() => crash.chooser.next(2) === 0);
    return this.#changes.slice(0, crash.chooser.next(this.#changes.length + 1));
  }

  #link(path: string, node: SimulatedNode, call: string): void {
    this.#change({ ...this.#placeOf(path, call), node, from: null });
  }

  #change(change: Omit<NameChange, "number">): void {
    const numbered = { ...change, number: this.#nextNumber++ };
    apply(numbered, "seen");
    this.#changes.push(numbered);
  }

  #placeOf(path: string, call: string): Place {
    const [parent, name] = splitPath(path);
    if (name === "") throw systemError("EINVAL", `${call} '${path}'`);
    return { directory: this.directory(parent, call), name };
  }
}

function apply(change: NameChange, view: View): void {
  change.from?.directory[view].delete(change.from.name);
  if (change.node === null) change.directory[view].delete(change.name);
  else change.directory[view].set(change.name, change.node);
}

function* filesBelow(
  directory: SimulatedDirectory,
  path: string,
  view: View,
): Generator<[path: string, file: SimulatedFile]> {
  const names = [...directory[view].keys()].toSorted();
  for (const name of names) {
    const node = directory[view].get(name);
    if (node?.kind === "directory") yield* filesBelow(node, `${path}/${name}`, view);
    else if (node !== undefined) yield [`${path}/${name}`, node];
  }
}

/** The same few paths are looked up again and again. */
const partsKnown = new Map<string, readonly string[]>();
const partsKnownMax = 1000;

function partsOf(path: string): readonly string[] {
  const known = partsKnown.get(path);
  if (known !== undefined) return known;
  // On Windows node:path makes the other separator, and puts a drive in front, which means nothing here.
  const parts = path.split(/[\\/]/).filter((part) => !/^(?:\.?|[A-Za-z]:)$/.test(part));
  if (partsKnown.size >= partsKnownMax) partsKnown.clear();
  partsKnown.set(path, parts);
  return parts;
}

function isBelow(directory: string, path: string): boolean {
  const [above, below] = [partsOf(directory), partsOf(path)];
  return above.length < below.length && above.every((part, i) => below[i] === part);
}

/** The directory and the name in it. */
export function splitPath(path: string): [directory: string, name: string] {
  const at = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return [path.slice(0, Math.max(at, 0)), path.slice(at + 1)];
}
