/** A process of its own that opens and closes logs as it is told; see lock.test.ts. */
import { setTimeout as sleep } from "node:timers/promises";
import { Wal, WalError, type WalOptions } from "wal-db";

export type Order =
  | { readonly do: "open"; readonly path: string; readonly at: number; readonly options?: WalOptions }
  | { readonly do: "close" }
  /** Appends "<i>:..." from the log's count on until told to close. */
  | { readonly do: "write" };

export type Answer = "ready" | "won" | "lost" | "closed" | "writing" | { readonly failed: string };

let wal: Wal | null = null;
const state = { writing: false };

function say(answer: Answer): void {
  process.send?.(answer);
}

function open(order: Order & { do: "open" }): void {
  // Both wake up at the same moment, as near as two processes can.
  while (Date.now() < order.at);
  try {
    wal = Wal.openBlocking(order.path, order.options);
    say("won");
  } catch (error) {
    if (error instanceof WalError && error.code === "WAL_LOCKED") say("lost");
    else say({ failed: String(error) });
  }
}

async function write(log: Wal): Promise<void> {
  state.writing = true;
  let i = [...log].length;
  say("writing");
  while (state.writing) {
    for (let n = 0; n < 20; n++, i++) log.append(`${i}:${"x".repeat((i * 31) % 3000)}`);
    if (i % 100 === 0) await log.sync();
    await sleep(0);
  }
  await log.close();
  say("closed");
}

process.on("message", (order: Order) => {
  if (order.do === "open") open(order);
  else if (order.do === "write" && wal !== null) void write(wal);
  else if (order.do === "close" && state.writing) state.writing = false;
  else if (order.do === "close") {
    wal?.closeBlocking();
    wal = null;
    say("closed");
  }
});
process.on("disconnect", () => process.exit());
say("ready");
