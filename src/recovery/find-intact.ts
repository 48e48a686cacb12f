import { readChunkBytes } from "../limits.ts";
import type { Lsn } from "../lsn.ts";
import { Search } from "../record/search.ts";
import { Window } from "../record/window.ts";
import type { Steps } from "../store/store-io.ts";

/**
 * Where the next intact record begins past the damage at `damage`, below `end`. Null: nowhere.
 * "unknown": the search ended before it had tried everything (limits.ts, `search...`).
 */
export function* findIntact(
  damage: number,
  end: number,
  maxRecordBytes: number,
  signal?: AbortSignal,
): Steps<Lsn | "unknown" | null> {
  const window = new Window(true, readChunkBytes);
  const search = new Search(window, damage, end, maxRecordBytes);
  for (;;) {
    const step = search.step();
    if (step === "found") return search.offset as Lsn;
    if (step === "unknown") return step;
    if (step === "none") return null;
    signal?.throwIfAborted();
    const into = window.prepare(search.offset, search.want, end);
    window.accept(yield { kind: "read", offset: window.end, into });
    // The bytes ended before `end`: nothing intact is there to be found.
    if (window.end < search.offset + search.want) return null;
  }
}
