#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "vault/chunk.h"
#include "vault/record.h"

namespace holdfast::vault {

// What lies in a locker of the records shelf, under which key. All values are a header in the clear, a nonce,
// ciphertext and tag; locker, item key and header are associated data.
//   'r' collection                    the one record of a collection
//   'c' collection, number            a chunk of rows that takes no more
//   'c' collection, ffffffff          the chunk that takes rows; its number is in its header
//   'i' SHA-256 of an idempotency key what was answered; in the vault's own locker also 'i' and a keyed hash of
//                                     an erased subject's, with nothing in it

inline constexpr std::uint32_t kTail = 0xffffffff;

struct RecordHeader {
  std::uint64_t version = 0;
  UnixMillis deposited = 0;
};

Bytes record_item(CollectionId collection);
Bytes chunks_prefix(CollectionId collection);
Bytes chunk_item(CollectionId collection, std::uint32_t number);
Bytes answer_item(std::string_view idempotency_key);
/// The collection that an 'r' or 'c' item key names.
CollectionId collection_of(ByteView item_key);

Bytes seal_record(const Key256& key, const LockerId& locker, CollectionId collection, const RecordHeader& header,
                  ByteView plaintext);
Result<RecordHeader> read_record_header(const LockerId& locker, ByteView item_key, ByteView value);
/// Errors, as of all unseal_ functions: corrupt "vault.sealed.damaged", naming locker and item.
Result<Bytes> unseal_record(const Key256& key, const LockerId& locker, ByteView item_key, ByteView value);

/// Sealed to its number, not to its place, which changes when it is full; readers compare the two.
Bytes seal_chunk(const Key256& key, const LockerId& locker, CollectionId collection, const Chunk& chunk);
/// corrupt "vault.chunk.misplaced" when a chunk lies under another's number.
Result<ChunkHeader> read_chunk_header(const LockerId& locker, ByteView item_key, ByteView value);
Result<Chunk> unseal_chunk(const Key256& key, const LockerId& locker, ByteView item_key, ByteView value);

Bytes seal_answer(const Key256& key, const LockerId& locker, ByteView item_key, UnixMillis created, ByteView plaintext);
Result<UnixMillis> read_answer_created(const LockerId& locker, ByteView item_key, ByteView value);
Result<Bytes> unseal_answer(const Key256& key, const LockerId& locker, ByteView item_key, ByteView value);

/// "locker 0a1b…, item 72…", for errors.
std::string place(const LockerId& locker, ByteView item_key);

}  // namespace holdfast::vault
