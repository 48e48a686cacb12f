import type { Wal } from "../index.ts";
import type { Context } from "./command.ts";
import { counted } from "./quantity.ts";
import { printable } from "./printable.ts";

/** Tells what opening a log to write has cut off. */
export function tellOfRepair({ terminal }: Context, { recovery: { damage, discarded, end } }: Wal): void {
  if (damage === null) return;
  const saved = damage.quarantine === null ? "" : `; saved to ${printable(damage.quarantine)}`;
  terminal.warn(`${counted(discarded, "byte")} past ${end}, left by a crash, were cut off${saved}.`);
}
