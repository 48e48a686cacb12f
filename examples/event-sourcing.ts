/**
 * Event sourcing on a typed log: accounts that are nothing but what happened to them. Every change is an event, durable
 * before it is acknowledged; a restart replays them all.
 *
 *   open     = replay the events, each applied to the accounts
 *   a call   = check against the accounts, append the event, apply it, wait until it is durable
 *
 * Events outlive the program that wrote them, so their schema changes under them. Here the first version
 * knew one currency. The second gives each deposit its own, with the old one as fallback; and it has replaced
 * the free text of a transfer by a reason, which the old text is turned into as it is read (an upcast). The
 * log is never rewritten: its first records are of version 1 for good. The other way is not open: a program of the
 * first release does not know that a note is gone, and would read the reason in its place. So it must be gone before.
 *
 * Run: node build/examples/event-sourcing.js [folder]
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Codec, type TypedWal, Wal } from "wal-db";
import { batch } from "wal-db/codecs";
import {
  deprecated,
  enumeration,
  i64,
  type Infer,
  peekVersion,
  since,
  string,
  versioned,
} from "wal-db/pack-io";

/* ---- The events as the first release of this program knew them ---- */

const depositedV1 = versioned(1, { account: string, cents: i64 });
const transferredV1 = versioned(1, { from: string, to: string, cents: i64, note: string });
const eventV1 = enumeration({ Deposited: depositedV1, Transferred: transferredV1 });

/* ---- As this one knows them. Variants and fields are only ever added at the end ---- */

const deposited = versioned(2, { account: string, cents: i64, currency: since(2, string, "EUR") });
const transferred = versioned(2, {
  from: string,
  to: string,
  cents: i64,
  note: deprecated(2, string, ""),
  reason: since(2, string, ""),
});
const storedEvent = enumeration({ Deposited: deposited, Transferred: transferred });
type Event = Infer<typeof storedEvent>;

/** What a fallback cannot say: the new field comes of the old one. */
function upcast(event: Event): Event {
  if (event.tag !== "Transferred" || event.value.note === "") return event;
  const reason = event.value.note.startsWith("rent") ? "rent" : "other";
  return { tag: "Transferred", value: { ...event.value, note: "", reason } };
}

/** The codec of an event, its upcast included: whoever reads sees version 2 only. */
const event: Codec<Event> = {
  encode: (value) => storedEvent.encode(value),
  decode: (bytes) => upcast(storedEvent.decode(bytes)),
};

/**
 * One record for each command, with all that it has caused: a transfer with its fee is there after a crash as a
 * whole or not at all.
 */
const command = batch(event);

export class Accounts {
  readonly #wal: Wal;
  readonly #events: TypedWal<readonly Event[]>;
  readonly #cents = new Map<string, bigint>();
  readonly #reasons = new Map<string, number>();

  private constructor(wal: Wal) {
    this.#wal = wal;
    this.#events = wal.typed(command);
  }

  static async open(dir: string): Promise<Accounts> {
    mkdirSync(dir, { recursive: true });
    const accounts = new Accounts(await Wal.open(join(dir, "events.wal")));
    for await (const { value } of accounts.#events) accounts.#apply(value);
    return accounts;
  }

  /** Cents, by account. */
  balance(account: string): bigint {
    return this.#cents.get(account) ?? 0n;
  }

  /** How many transfers there were for this reason. */
  transfersFor(reason: string): number {
    return this.#reasons.get(reason) ?? 0;
  }

  /** Resolves once the deposit would survive a power cut. */
  deposit(account: string, cents: bigint, currency: string): Promise<void> {
    return this.#commit([{ tag: "Deposited", value: { account, cents, currency } }]);
  }

  /** One cent goes to the bank. Either both are in the log, or neither. */
  async transfer(from: string, to: string, cents: bigint, reason: string): Promise<void> {
    if (this.balance(from) < cents + 1n) throw new RangeError(`${from} has not got ${cents + 1n} cents`);
    const move = (to: string, cents: bigint, reason: string): Event => ({
      tag: "Transferred",
      value: { from, to, cents, note: "", reason },
    });
    await this.#commit([move(to, cents, reason), move("bank", 1n, "fee")]);
  }

  async close(): Promise<void> {
    await this.#wal.close();
  }

  /**
   * The order in the log is the order of the state: both happen before anything is waited for. What the log does
   * not take (a full disk, a value that its codec refuses) throws before the state has changed.
   */
  async #commit(events: readonly Event[]): Promise<void> {
    this.#events.append(events);
    this.#apply(events);
    await this.#wal.sync();
  }

  #apply(events: readonly Event[]): void {
    for (const { tag, value } of events) {
      if (tag === "Deposited") {
        this.#add(value.account, value.cents);
        continue;
      }
      this.#add(value.from, -value.cents);
      this.#add(value.to, value.cents);
      this.#reasons.set(value.reason, this.transfersFor(value.reason) + 1);
    }
  }

  #add(account: string, cents: bigint): void {
    this.#cents.set(account, this.balance(account) + cents);
  }
}

/** What the first release would have left behind. */
async function runFirstRelease(dir: string): Promise<void> {
  mkdirSync(dir, { recursive: true });
  const wal = await Wal.open(join(dir, "events.wal"));
  const events = wal.typed(batch(eventV1));
  events.append([{ tag: "Deposited", value: { account: "ann", cents: 1000n } }]);
  events.append([
    { tag: "Transferred", value: { from: "ann", to: "bob", cents: 300n, note: "rent for May" } },
    { tag: "Transferred", value: { from: "ann", to: "bank", cents: 1n, note: "fee" } },
  ]);
  await wal.close();
}

async function main(dir: string): Promise<void> {
  await runFirstRelease(dir);

  let accounts = await Accounts.open(dir);
  assert.deepEqual([accounts.balance("ann"), accounts.balance("bob")], [699n, 300n]);
  assert.deepEqual([accounts.transfersFor("rent"), accounts.transfersFor("fee")], [1, 0]);
  console.log(`of version 1: ann has ${accounts.balance("ann")}, ${accounts.transfersFor("rent")} for rent`);

  await accounts.deposit("bob", 500n, "EUR");
  await accounts.transfer("bob", "ann", 200n, "rent");
  await assert.rejects(accounts.transfer("bob", "ann", 10_000n, "rent"), RangeError);
  await accounts.close();

  accounts = await Accounts.open(dir);
  assert.deepEqual(
    [accounts.balance("ann"), accounts.balance("bob"), accounts.balance("bank")],
    [899n, 599n, 2n],
  );
  assert.equal(accounts.transfersFor("rent"), 2);
  console.log(`of both: ann has ${accounts.balance("ann")}, ${accounts.transfersFor("rent")} for rent`);
  await accounts.close();

  assert.equal(peekVersion(depositedV1.encode({ account: "x", cents: 1n })), 1);
  assert.equal(peekVersion(deposited.encode({ account: "x", cents: 1n, currency: "EUR" })), 2);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const given = process.argv[2];
  const dir = given ?? mkdtempSync(join(tmpdir(), "wal-db-events-"));
  try {
    await main(dir);
  } finally {
    if (given === undefined) rmSync(dir, { recursive: true, force: true });
  }
}
