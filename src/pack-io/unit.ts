/** The unit: one value only, and no bytes. */
import { brief, Fault } from "./fault.ts";
import { codecOf, type PackCodec } from "./pack-codec.ts";

/** Rust's `()`: no bytes; `undefined`. */
export const unit: PackCodec<undefined> = codecOf<undefined>({
  write(writer, value) {
    if (value === undefined) return;
    throw new Fault("InvalidTag", writer.at, `${brief(value)}, where a unit is undefined.`);
  },
  read: () => undefined,
  minBytes: () => 0,
  identity: "value",
});
