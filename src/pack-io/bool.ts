/** A boolean: 0 or 1. */
import { brief, Fault } from "./fault.ts";
import { codecOf, type PackCodec } from "./pack-codec.ts";

/** A bool: one byte, 0 or 1; any other is refused. */
export const bool: PackCodec<boolean> = codecOf<boolean>({
  write(writer, value) {
    if (typeof value !== "boolean") {
      throw new Fault("InvalidBool", writer.at, `${brief(value)} is no boolean.`);
    }
    writer.need(1);
    writer.bytes[writer.at++] = value ? 1 : 0;
  },
  read(reader) {
    const byte = reader.byte();
    if (byte > 1) throw new Fault("InvalidBool", reader.at - 1, `${byte}, and a bool is 0 or 1.`);
    return byte === 1;
  },
  minBytes: () => 1,
  identity: "value",
});
