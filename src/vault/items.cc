#include "vault/items.h"

#include "base/hash.h"
#include "vault/cipher.h"

namespace holdfast::vault {
namespace {

constexpr char kFormat = 1;
constexpr std::size_t kRecordHeaderBytes = 1 + 8 + 8;
constexpr std::size_t kChunkHeaderBytes = 1 + 4 + 4 + 8 + 8;
constexpr std::size_t kAnswerHeaderBytes = 1 + 8;

Bytes associated(const LockerId& locker, ByteView item_key, ByteView header) {
  Bytes out;
  out.reserve(LockerId::kSize + item_key.size() + header.size());
  // Sizes are fixed by the item key's first letter, so nothing needs a length before it.
  return out.append(locker.view()).append(item_key).append(header);
}

Bytes seal_item(const Key256& key, const LockerId& locker, ByteView item_key, ByteView header, ByteView plaintext) {
  Bytes out;
  out.reserve(header.size() + plaintext.size() + kSealBytes);
  out.append(header);
  seal(key, associated(locker, item_key, header), plaintext, out);
  return out;
}

Result<Bytes> unseal_item(const Key256& key, const LockerId& locker, ByteView item_key, std::size_t header_bytes,
                          ByteView value) {
  Bytes out;
  if (value.size() < header_bytes ||
      !unseal(key, associated(locker, item_key, value.substr(0, header_bytes)), value.substr(header_bytes), out)) {
    return fail(Code::corrupt, "vault.sealed.damaged", place(locker, item_key),
                "a stored value is damaged, or is not the one that belongs here; restore it from a backup");
  }
  return out;
}

tl::unexpected<Error> no_header(const LockerId& locker, ByteView item_key) {
  return fail(Code::corrupt, "vault.item.malformed", place(locker, item_key),
              "a stored value does not start as this version writes it; restore it from a backup");
}

Bytes chunk_header(const ChunkHeader& header) {
  Bytes out;
  out.reserve(kChunkHeaderBytes);
  out.push_back(kFormat);
  put_u32(out, header.number);
  put_u32(out, header.count);
  put_u64(out, static_cast<std::uint64_t>(header.first));
  put_u64(out, static_cast<std::uint64_t>(header.last));
  return out;
}

}  // namespace

std::string place(const LockerId& locker, ByteView item_key) {
  return "locker " + to_hex(locker.view()) + ", item " + to_hex(item_key);
}

Bytes record_item(CollectionId collection) {
  Bytes out("r");
  put_u32(out, collection);
  return out;
}

Bytes chunks_prefix(CollectionId collection) {
  Bytes out("c");
  put_u32(out, collection);
  return out;
}

Bytes chunk_item(CollectionId collection, std::uint32_t number) {
  Bytes out = chunks_prefix(collection);
  put_u32(out, number);
  return out;
}

Bytes answer_item(std::string_view idempotency_key) { return "i" + Bytes(sha256(idempotency_key).view()); }

CollectionId collection_of(ByteView item_key) { return ByteReader(item_key.substr(1)).u32(); }

Bytes seal_record(const Key256& key, const LockerId& locker, CollectionId collection, const RecordHeader& header,
                  ByteView plaintext) {
  Bytes clear(1, kFormat);
  put_u64(clear, header.version);
  put_u64(clear, static_cast<std::uint64_t>(header.deposited));
  return seal_item(key, locker, record_item(collection), clear, plaintext);
}

Result<RecordHeader> read_record_header(const LockerId& locker, ByteView item_key, ByteView value) {
  ByteReader reader(value);
  const bool known = reader.u8() == kFormat;
  const RecordHeader out{reader.u64(), static_cast<UnixMillis>(reader.u64())};
  if (!known || !reader.ok()) return no_header(locker, item_key);
  return out;
}

Result<Bytes> unseal_record(const Key256& key, const LockerId& locker, ByteView item_key, ByteView value) {
  return unseal_item(key, locker, item_key, kRecordHeaderBytes, value);
}

Bytes seal_chunk(const Key256& key, const LockerId& locker, CollectionId collection, const Chunk& chunk) {
  return seal_item(key, locker, chunk_item(collection, chunk.header().number), chunk_header(chunk.header()),
                   chunk.encode());
}

Result<ChunkHeader> read_chunk_header(const LockerId& locker, ByteView item_key, ByteView value) {
  ByteReader reader(value);
  const bool known = reader.u8() == kFormat;
  ChunkHeader out;
  out.number = reader.u32();
  out.count = reader.u32();
  out.first = static_cast<UnixMillis>(reader.u64());
  out.last = static_cast<UnixMillis>(reader.u64());
  ByteReader slot(item_key.substr(item_key.size() < 5 ? item_key.size() : 5));
  const std::uint32_t number = slot.u32();
  if (!known || !reader.ok() || !slot.done()) return no_header(locker, item_key);
  if (number != kTail && number != out.number) {
    return fail(Code::corrupt, "vault.chunk.misplaced", place(locker, item_key),
                "stored rows lie where others belong; restore them from a backup");
  }
  return out;
}

Result<Chunk> unseal_chunk(const Key256& key, const LockerId& locker, ByteView item_key, ByteView value) {
  HF_TRY(const ChunkHeader header, read_chunk_header(locker, item_key, value));
  const Bytes sealed_as = chunk_item(collection_of(item_key), header.number);
  const auto plaintext = unseal_item(key, locker, sealed_as, kChunkHeaderBytes, value);
  auto chunk = plaintext ? Chunk::decode(header, *plaintext) : tl::unexpected(plaintext.error());
  if (!chunk) chunk.error().where = place(locker, item_key);  // where it lies, not what it was sealed as
  return chunk;
}

Bytes seal_answer(const Key256& key, const LockerId& locker, ByteView item_key, UnixMillis created,
                  ByteView plaintext) {
  Bytes clear(1, kFormat);
  put_u64(clear, static_cast<std::uint64_t>(created));
  return seal_item(key, locker, item_key, clear, plaintext);
}

Result<UnixMillis> read_answer_created(const LockerId& locker, ByteView item_key, ByteView value) {
  ByteReader reader(value);
  const bool known = reader.u8() == kFormat;
  const auto created = static_cast<UnixMillis>(reader.u64());
  if (!known || !reader.ok()) return no_header(locker, item_key);
  return created;
}

Result<Bytes> unseal_answer(const Key256& key, const LockerId& locker, ByteView item_key, ByteView value) {
  return unseal_item(key, locker, item_key, kAnswerHeaderBytes, value);
}

}  // namespace holdfast::vault
