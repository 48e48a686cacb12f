/**
 * The record: the one unit of the log on disk. Frozen: the bytes of the Rust crate wal-db 1.x.
 *
 * A log is one continuous space of bytes, records back to back from offset 0, no file header.
 * The offset at which a record begins is its LSN. All integers are little-endian.
 *
 *        +0          +4          +8                    +8+length
 *        +-----------+-----------+---------------------+
 *        | crc32c    | length    | payload             |  next record
 *        | u32       | u32       | `length` bytes      |
 *        +-----------+-----------+---------------------+
 *                    |<------- covered by crc32c ----->|
 *
 * A record at L is intact if and only if, within the bytes that are there,
 *   1. its 8 header bytes are present                       (else: torn-header),
 *   2. `length` is at most `maxRecordSize`                  (else: implausible-length),
 *   3. `length` bytes of payload are present                (else: torn-payload),
 *   4. crc32c equals the CRC32C of bytes [L+4, L+8+length)  (else: checksum-mismatch).
 * They are checked in this order, so no byte of payload is read, and nothing is allocated, on the
 * word of a length that has not been held against the limit and against the bytes that are there.
 *
 * Eight zero bytes are no record: the CRC32C of a zero length is 0x48674bc7, not 0. So zeros, as
 * preallocation and lost writes leave them, always end a scan.
 */

export const headerBytes = 8;

/** Where `length` stands in the header; also where the checksum's coverage begins. */
export const lengthOffset = 4;

/** The checksum of an empty record: CRC32C of four zero bytes. */
export const emptyRecordCrc = 0x48674bc7;

/** Why a scan stopped where it did, if it did not stop at the end. */
export type DamageReason = "torn-header" | "torn-payload" | "implausible-length" | "checksum-mismatch";
