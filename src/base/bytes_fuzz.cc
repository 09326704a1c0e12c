#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"

/// Each encoding of bytes as text has one spelling; what the reader took it could put again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const ByteView in(reinterpret_cast<const char*>(data), size);
  if (const auto raw = from_hex(in)) HF_ASSERT(from_hex(to_hex(*raw)) == raw && to_hex(*raw).size() == in.size());
  if (const auto raw = from_base64(in)) HF_ASSERT(to_base64(*raw) == in);
  if (const auto raw = from_base64url(in)) HF_ASSERT(to_base64url(*raw) == in);
  HF_ASSERT(from_hex(to_hex(in)) == in && from_base64(to_base64(in)) == in && from_base64url(to_base64url(in)) == in);
  (void)is_utf8(in);
  ByteReader reader(in);
  while (reader.left() > 0) {
    const std::size_t left = reader.left();
    switch (reader.u8() % 6) {
      case 0:
        (void)reader.u16();
        break;
      case 1:
        (void)reader.u32();
        break;
      case 2:
        (void)reader.u64();
        break;
      case 3: {
        const std::uint64_t number = reader.varint();
        Bytes again;
        put_varint(again, number);
        HF_ASSERT(!reader.ok() || again.size() <= 10);
        break;
      }
      case 4:
        HF_ASSERT(reader.sized().size() <= left);
        break;
      default:
        HF_ASSERT(reader.take(reader.u8()).size() <= left);
    }
    if (!reader.ok()) {
      HF_ASSERT(reader.u64() == 0 && reader.take(1).empty() && !reader.done());
      return 0;
    }
  }
  HF_ASSERT(size == 0 || reader.done());
  return 0;
}
