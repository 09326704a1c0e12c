#include <cstdint>

#include "evidence/formats/entry.h"

/// An entry is decoded only from the one spelling that it is encoded to.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const holdfast::ByteView json(reinterpret_cast<const char*>(data), size);
  if (const auto entry = holdfast::evidence::Entry::decode(json)) HF_ASSERT(entry->encode() == json);
  return 0;
}
