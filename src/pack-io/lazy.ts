/** A codec that is known only when it is used: how a schema refers to itself. */
import type { Codec } from "../codec/codec.ts";
import { codecOf, type PackCodec, partsOf } from "./pack-codec.ts";
import { once } from "./parts.ts";

/**
 * The codec that `make` returns, asked for when it is first needed: for types that contain themselves. How many
 * may stand one within the other is a limit, `maxDepth`, 256 unless told otherwise.
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT at the first use, when `make` returns no codec of this module.
 * @example
 * interface Tree {
 *   value: number;
 *   children: Tree[];
 * }
 * const tree: Codec<Tree> = struct({ value: u8, children: vec(lazy(() => tree)) });
 * console.log(tree.encode({ value: 7, children: [{ value: 8, children: [] }] })); // Uint8Array(4) [ 7, 1, 8, 0 ]
 */
export function lazy<T>(make: () => Codec<T>): PackCodec<T> {
  const parts = once(() => partsOf(make(), "lazy"));
  return codecOf<T>({
    write(writer, value) {
      if (writer.depth >= writer.limits.maxDepth) throw writer.tooDeep();
      writer.depth++;
      parts().write(writer, value);
      writer.depth--;
    },
    read(reader) {
      if (reader.depth >= reader.limits.maxDepth) throw reader.tooDeep();
      reader.depth++;
      const value = parts().read(reader);
      reader.depth--;
      return value;
    },
    minBytes: guarded(() => parts().minBytes(), 0),
    slots: guarded(() => parts().slots(), 1),
    takesNull: guarded(() => parts().takesNull(), false),
    isCanonical(asked) {
      if (asked.has(parts())) return true;
      asked.add(parts());
      return parts().isCanonical(asked);
    },
    isDeferred: true,
  });
}

/** Asked for while it is being computed, it is `within`: the type contains itself. */
function guarded<T>(compute: () => T, inner: T): () => T {
  let isComputing = false;
  return () => {
    if (isComputing) return inner;
    isComputing = true;
    try {
      return compute();
    } finally {
      isComputing = false;
    }
  };
}
