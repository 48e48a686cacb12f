import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { reportReader, type WriterReport } from "./report.ts";

const writerPath = fileURLToPath(new URL("./writer.js", import.meta.url));

/** How a writer ended. */
export interface WriterEnd {
  readonly end: "finished" | "killed" | "failed";
  /** The last that it told; null: it came to nothing. */
  readonly last: WriterReport | null;
  /** Of one that failed: what it said. */
  readonly complaint: string;
}

/** A child process that logs a file, until it is done or killed. */
export class WriterProcess {
  /** Resolves when it is gone and all that it told has been read. */
  readonly ended: Promise<WriterEnd>;
  readonly #kill: () => void;

  constructor(file: string, log: string, onReport: (report: WriterReport) => void) {
    const child = spawn(process.execPath, [writerPath, file, log], { stdio: ["ignore", "pipe", "pipe"] });
    let last: WriterReport | null = null;
    let complaint = "";
    const read = reportReader((report) => {
      last = report;
      onReport(report);
    });
    child.stdout.setEncoding("utf8").on("data", read);
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    this.#kill = () => child.kill("SIGKILL");
    this.ended = new Promise((resolve, reject) => {
      child.on("error", reject);
      // Not "exit": what stands in the pipe was acknowledged too.
      child.on("close", (code, signal) => {
        const end = signal === "SIGKILL" ? "killed" : code === 0 ? "finished" : "failed";
        resolve({ end, last, complaint });
      });
    });
  }

  /** SIGKILL: no handler runs, no buffer is written out. */
  kill(): void {
    this.#kill();
  }
}
