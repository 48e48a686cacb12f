/**
 * A thread that joins a log and follows it; tells its parent what it was given. Its parent sends "abort"
 * or "close" to end it.
 */
import { parentPort, workerData } from "node:worker_threads";
import { type Until, Wal, WalError, type WalShare } from "wal-db";

export interface FollowerJob {
  readonly share: WalShare;
  readonly until: Until;
}

export type FollowerTold =
  | { readonly kind: "joined" | "end" }
  | { readonly kind: "record"; readonly lsn: number; readonly text: string; readonly ahead: boolean }
  | {
      readonly kind: "error";
      readonly code: string;
      readonly reason?: string | undefined;
      readonly offset?: number | undefined;
    };

const { share, until } = workerData as FollowerJob;
const port = parentPort;
if (port === null) throw new Error("this program is for a worker");
const tell = (told: FollowerTold): void => port.postMessage(told);

const wal = Wal.attach(share);
const stop = new AbortController();
const follower = wal.follow({ until, signal: stop.signal });
port.on("message", (message: "abort" | "close") => {
  if (message === "abort") stop.abort(new WalError("WAL_UNSUPPORTED", "aborted"));
  else void wal.close();
});
tell({ kind: "joined" });

for (let goesOn = true; goesOn;) {
  try {
    const { done, value } = await follower.next();
    if (done === true) {
      tell({ kind: "end" });
      goesOn = false;
    } else {
      const ahead = until === "durable" && value.next > wal.durable;
      tell({ kind: "record", lsn: value.lsn, text: value.text(), ahead });
    }
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    const { code, reason, offset } = error;
    tell({ kind: "error", code, reason, offset });
    goesOn = reason === "truncated";
  }
}
await wal.close();
port.close();
