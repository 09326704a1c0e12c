#include <cstdint>
#include <map>

#include "base/result.h"
#include "verify/bundle.h"

namespace {

using namespace holdfast;

/// A log that answers what it likes.
class Hostile final : public verify::Source {
 public:
  std::map<std::string, Bytes, std::less<>> files;
  Result<Bytes> get(std::string_view path, std::size_t bytes_max) override {
    const auto found = files.find(path);
    if (found == files.end()) return fail(Code::not_found, "verify.file.missing", std::string(path), "missing");
    if (found->second.size() > bytes_max) return fail(Code::corrupt, "verify.fetch.large", std::string(path), "large");
    return found->second;
  }
  bool is_remote() const override { return true; }
};

}  // namespace

/// One bundle and its tile from a hostile log: width - 1, what is there (bits: partial tile, full tile, partial bundle,
/// full bundle), then each as u16 size and bytes; the tile's hashes may be left out, and are then the right ones.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using evidence::TileId;
  if (size < 2) return 0;
  const auto width = static_cast<std::uint16_t>(data[0] + 1);
  const unsigned there = data[1];
  ByteReader in({reinterpret_cast<const char*>(data) + 2, size - 2});
  Hostile log;
  const TileId tile{false, 0, 3, width}, full{false, 0, 3, 256}, bundle{true, 0, 3, width}, whole{true, 0, 3, 256};
  const TileId* const ids[] = {&tile, &full, &bundle, &whole};
  for (unsigned i = 0; i < 4; ++i) {
    if (there & 1u << i) log.files[ids[i]->path()] = in.take(in.u16());
  }
  if (there & 16) {  // a tile that fits the bundle's first entries
    ByteReader entries(log.files[bundle.path()]);
    Bytes hashes;
    for (unsigned i = 0; i < width; ++i) hashes += evidence::leaf_hash(entries.take(entries.u16())).view();
    log.files[tile.path()] = hashes;
  }
  const auto got = verify::fetch_bundle(log, 3, width);
  if (!got) return 0;
  HF_ASSERT(got->slots.size() == width && got->hashes.size() <= 257);
  HF_ASSERT(got->tile.empty() || got->tile.size() == width);
  std::size_t filled = 0;
  for (std::size_t i = 0; i < got->slots.size(); ++i) {
    const auto& slot = got->slots[i];
    filled += slot.state == verify::Bundle::State::good || slot.state == verify::Bundle::State::forged;
    if (slot.entry) HF_ASSERT(slot.malformed.empty());
  }
  HF_ASSERT(filled + got->surplus <= got->hashes.size() && (!got->trailing || got->hashes.size() >= width));
  return 0;
}
