#include <cstdint>

#include "evidence/formats/tile.h"

/// A path has one spelling; a bundle that splits is exactly its entries. The first byte is the bundle's width.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::evidence;
  const holdfast::ByteView in(reinterpret_cast<const char*>(data), size);
  if (const auto id = TileId::parse(in)) HF_ASSERT(id->path() == in);
  if (in.empty()) return 0;
  const std::size_t width = static_cast<unsigned char>(in[0]) + std::size_t{1};
  if (const auto entries = split_bundle(in.substr(1), width)) {
    HF_ASSERT(entries->size() == width);
    holdfast::Bytes again;
    for (const holdfast::ByteView entry : *entries) put_entry(again, entry);
    HF_ASSERT(again == in.substr(1));
  }
  return 0;
}
