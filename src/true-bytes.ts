/**
 * What bytes are, whatever their class says: one that extends Uint8Array may have put something else in the
 * place of `length`, or a constructor that `subarray` would call with other arguments than it takes. That must
 * neither run in the middle of an append, nor decide where the next frame begins.
 */
const lengthGetter = trueGetter("length") as (this: unknown) => number;
const startGetter = trueGetter("byteOffset") as (this: unknown) => number;
const bufferGetter = trueGetter("buffer") as (this: unknown) => ArrayBufferLike;

function trueGetter(name: string): unknown {
  const shared = Object.getPrototypeOf(Uint8Array.prototype) as object;
  return Reflect.get(Object.getOwnPropertyDescriptor(shared, name) ?? {}, "get");
}

/** How many bytes there are. Throws TypeError for a proxy of bytes. */
export function trueLength(bytes: Uint8Array): number {
  return lengthGetter.call(bytes);
}

/** The same bytes, where they are, of no class but Uint8Array: its methods are what they seem. */
export function plainView(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bufferGetter.call(bytes), startGetter.call(bytes), trueLength(bytes));
}
