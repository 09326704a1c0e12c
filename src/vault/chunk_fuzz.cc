#include <cstddef>
#include <cstdint>

#include "vault/chunk.h"

/// The input: a chunk's header as it lies in the clear (count, first and last), then the plaintext. Rows come out
/// within the header's times and at most as many as it says, and survive being written anew.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  ByteReader in({reinterpret_cast<const char*>(data), size});
  vault::ChunkHeader header;
  header.count = in.u32();
  header.first = static_cast<UnixMillis>(in.u64());
  header.last = static_cast<UnixMillis>(in.u64());
  if (!in.ok()) return 0;
  const auto chunk = vault::Chunk::decode(header, in.take(in.left()));
  if (!chunk) return 0;

  vault::Record record;
  std::uint64_t rows = 0, ordered = 1;
  UnixMillis before = header.first;
  vault::RowReader row(*chunk);
  while (row.next()) {
    ++rows;
    HF_ASSERT(header.first <= row.deposited() && row.deposited() <= header.last);
    ordered &= before <= row.deposited();
    before = row.deposited();
    row.copy_to(record);
    Bytes encoded;
    if (vault::encode_record(record, encoded)) HF_ASSERT(row.holds(encoded));
  }
  HF_ASSERT(rows <= header.count);
  if (!row.ok() || !ordered || header.first < 0) return 0;
  HF_ASSERT(rows == header.count);
  const auto rest = chunk->after(header.first - 1);
  HF_ASSERT(rest && rest->header().count == header.count && rest->running_max() == chunk->running_max());
  return 0;
}
