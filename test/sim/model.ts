/**
 * What a log must hold, by the words of its promises: the oracle of the simulator. It knows nothing of
 * files, flushes or segments, only what was asked of the log and what it answered.
 *
 *   records   what was appended and not cut off, in order
 *   written   all below was appended: a kill loses none of it
 *   durable   all below was acknowledged: nothing loses it
 *   before    what a crash may show instead, while a cut of the end is not known to be through
 *   heads     where the log may begin after a crash: fronts that were being dropped
 *   ghosts    records of appends that failed: not there, but a crash may bring them back, as their
 *             bytes may have reached the disk, and what took them back not
 *   apart     records of which each was written, or was tried to be, wherever those before it have left
 *             off: where they went is known of what is there, and of a ghost only from where on
 *
 * `opened` is the heart: may a log that looks like this be what is left of all that?
 */

export interface SimRecord {
  readonly lsn: number;
  /** The payload, a character for each byte. */
  readonly text: string;
}

/** What was found in a log. */
export interface Content {
  readonly head: number;
  readonly end: number;
  readonly records: readonly SimRecord[];
}

/** The end of the process that had the log open; or none, and it was closed. */
export type End = "closed" | "kill" | "power";

interface History {
  readonly records: readonly SimRecord[];
  durable: number;
  readonly written: number;
}

/** A sync or a cut that is under way: what it will have made durable. */
export interface Sync {
  target: number;
  /** Which cut it is; 0: none. */
  readonly cut: number;
}

export function endOf(record: SimRecord): number {
  return record.lsn + 8 + record.text.length;
}

export class Model {
  head = 0;
  durable = 0;
  /** How the log may have ended since it was open last; the worst of it counts. */
  ended: End = "closed";
  #records: SimRecord[] = [];
  #written = 0;
  #before: History[] = [];
  #heads = new Set<number>();
  #ghosts: SimRecord[] = [];
  #apart: { readonly from: number; readonly texts: ReadonlySet<string> }[] = [];
  readonly #syncs = new Set<Sync>();
  #cuts = 0;
  /** Everything that was ever handed to the log, for when the disk has lied. */
  readonly #ever = new Set<string>();
  /** The crash may have shown what a cut had taken off: see `crashed`. */
  #showsRemains = false;

  get records(): readonly SimRecord[] {
    return this.#records;
  }

  get end(): number {
    const last = this.#records.at(-1);
    return last === undefined ? this.head : endOf(last);
  }

  get written(): number {
    return this.#written;
  }

  /* ---- appending ---- */

  /** Before the call: from now on a crash may show it. Answers where each record shall begin. */
  beginAppend(texts: readonly string[]): number[] {
    return texts.map((text) => {
      const lsn = this.end;
      this.#records.push({ lsn, text });
      this.#ever.add(text);
      return lsn;
    });
  }

  /** An append waits for a cut that is under way: that one is through. */
  appended(): void {
    this.#written = this.end;
    this.#before = [];
  }

  appendFailed(count: number): void {
    this.#ghosts.push(...this.#records.splice(this.#records.length - count, count));
  }

  /** Of these, appended from `from` on, a write has failed: any of them may be missing, or come back. */
  beganApart(from: number, texts: readonly string[]): void {
    this.#apart.push({ from, texts: new Set(texts) });
  }

  /** From `from` on the log holds these, whatever was begun there. */
  settled(from: number, found: readonly SimRecord[]): void {
    this.#records = [...this.#records.filter(({ lsn }) => lsn < from), ...found];
    if (found.length > 0) this.appended();
  }

  /* ---- syncing ---- */

  /** @param target What shall be durable then. Default: all that is written. */
  beginSync(target: number = this.#written): Sync {
    return this.#begin(target, 0);
  }

  #begin(target: number, cut: number): Sync {
    const sync = { target, cut };
    this.#syncs.add(sync);
    return sync;
  }

  synced(sync: Sync): void {
    this.#syncs.delete(sync);
    this.durable = Math.max(this.durable, sync.target);
    for (const history of this.#before) history.durable = Math.max(history.durable, sync.target);
    if (sync.cut > 0 && sync.cut === this.#cuts) this.#before = [];
  }

  syncFailed(sync: Sync): void {
    this.#syncs.delete(sync);
  }

  /* ---- cutting the end ---- */

  /** Before the call: the record at `lsn` shall be the last. Answers the end to be. */
  beginCut(lsn: number): number {
    const last = this.#records.find((record) => record.lsn === lsn);
    if (last === undefined) throw new Error(`the simulator cuts at ${lsn}, where no record is`);
    const end = endOf(last);
    if (end === this.end) return end;
    this.#before.push({ records: this.#records, durable: this.durable, written: this.#written });
    this.#records = this.#records.filter((record) => record.lsn <= lsn);
    this.durable = Math.min(this.durable, end);
    this.#written = end;
    return end;
  }

  /** The log is shorter; that this is durable is not said yet. What was cut earlier is through. */
  cutMade(end: number): Sync {
    this.#before = this.#before.slice(-1);
    for (const sync of this.#syncs) sync.target = Math.min(sync.target, end);
    return this.#begin(end, ++this.#cuts);
  }

  /** It was refused: the log is as it was. */
  cutRefused(): void {
    const was = this.#before.pop();
    if (was === undefined) return;
    this.#records = [...was.records];
    this.durable = was.durable;
    this.#written = was.written;
  }

  /** A cut is not known to be through. */
  get isBeingCut(): boolean {
    return this.#before.length > 0;
  }

  /* ---- dropping the front ---- */

  beginDrop(heads: Iterable<number>): void {
    for (const head of heads) if (head > this.head) this.#heads.add(head);
  }

  mayBegin(head: number): boolean {
    return head === this.head || this.#heads.has(head);
  }

  /** The log says that it begins here; all below is on stable storage. */
  dropped(head: number): void {
    this.head = head;
    this.#heads = new Set([...this.#heads].filter((next) => next > head));
    this.#records = this.#records.filter((record) => record.lsn >= head);
    this.durable = Math.max(this.durable, head);
    this.#written = Math.max(this.#written, head);
  }

  /* ---- the end of a process, and the next one ---- */

  closed(): void {
    this.durable = this.#written;
    this.#before = [];
  }

  /**
   * @param showsRemains A file system that gives out room without clearing it may show, past what was
   *   synced, what stood there before it was cut off: intact records, which no reader can tell.
   */
  crashed(how: "kill" | "power", showsRemains = false): void {
    if (this.ended !== "power") this.ended = how;
    this.#showsRemains ||= showsRemains;
    this.#syncs.clear();
  }

  /** Null when what was found is one of the states that the promises allow; or what is wrong with it. */
  faultOf(found: Content): string | null {
    const now: History = { records: this.#records, durable: this.durable, written: this.#written };
    const faults = [now, ...this.#before].map((history) => this.#faultIn(found, history));
    return faults.includes(null) ? null : faults.join("; or ");
  }

  /** From here on it is what was found: an open calls all of it durable. */
  opened(found: Content): void {
    this.head = found.head;
    this.#records = [...found.records];
    this.#written = found.end;
    this.durable = found.end;
    this.ended = "closed";
    this.#showsRemains = false;
    this.#before = [];
    this.#heads.clear();
    this.#ghosts = [];
    this.#apart = [];
  }

  /** A record that stands within the payload of one: past damage it may be taken for one of the log. */
  mention(text: string): void {
    this.#ever.add(text);
  }

  /** Whether these bytes were ever handed to the log. */
  knows(text: string): boolean {
    return this.#ever.has(text);
  }

  #faultIn(found: Content, history: History): string | null {
    if (!this.mayBegin(found.head)) return `the head is ${found.head}, not ${this.head}`;
    const least = this.ended === "power" ? history.durable : history.written;
    if (found.end < least)
      return `the log ends at ${found.end}, but ${least} was ${this.ended === "power" ? "acknowledged" : "appended"}`;
    const expected = history.records.filter((record) => record.lsn >= found.head);
    for (const [i, record] of found.records.entries()) {
      const wanted = expected[i];
      if (wanted !== undefined && wanted.lsn === record.lsn && wanted.text === record.text) continue;
      if (record.lsn >= least && this.#isGhost(record)) continue;
      return `at ${record.lsn} stands ${brief(record.text)}, and not ${wanted === undefined ? "nothing" : `${wanted.lsn}: ${brief(wanted.text)}`}`;
    }
    const last = found.records.at(-1);
    const end = last === undefined ? found.head : endOf(last);
    return found.end === end ? null : `the end is ${found.end}, but the last record ends at ${end}`;
  }

  #isGhost(record: SimRecord): boolean {
    // Or a record that stood in the payload of one.
    if (this.#showsRemains && this.#ever.has(record.text)) return true;
    if (this.#apart.some(({ from, texts }) => record.lsn >= from && texts.has(record.text))) return true;
    return this.#ghosts.some((ghost) => ghost.lsn === record.lsn && ghost.text === record.text);
  }
}

function brief(text: string): string {
  return JSON.stringify(text.slice(0, 24));
}
