#include <cstddef>
#include <cstdint>

#include "vault/record.h"

/// Whatever decodes has one encoding, the bytes it came from.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const ByteView in(reinterpret_cast<const char*>(data), size);
  vault::Record record;
  if (!vault::decode_record(in, record)) return 0;
  Bytes again;
  if (vault::encode_record(record, again)) {
    vault::Record twice;
    HF_ASSERT(vault::decode_record(again, twice) && twice == record);
  } else {
    HF_ASSERT(size > vault::kRecordBytesMax / 2);  // only a bound can be in the way
  }
  return 0;
}
