#include <cstdint>

#include "evidence/compress.h"
#include "evidence/formats/tile.h"

/// A stored bundle, damaged anyhow: never more than a bundle may be, however it says it grows. And what is packed
/// comes back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const ByteView in(reinterpret_cast<const char*>(data), size);
  if (const auto bundle = evidence::decompress_bundle(in)) HF_ASSERT(bundle->size() <= evidence::kBundleBytesMax);
  HF_ASSERT(evidence::decompress_bundle(evidence::compress_bundle(in)).value() == in);
  return 0;
}
