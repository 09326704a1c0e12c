#include "evidence/tiles.h"

#include "evidence/compress.h"

namespace holdfast::evidence {

Result<Bytes> read_full_tile(const storage::Store& store, TileId id) {
  id.width = kTileWidth;
  const std::string name = id.path();
  HF_TRY(std::optional<Bytes> raw, store.get_blob(name));
  if (!raw) {
    return fail(Code::corrupt, "evidence.tile.missing", name,
                "A part of the evidence log is not in the store: restore it from a backup or a mirror of the log.");
  }
  if (id.entries) return decompress_bundle(*raw);
  if (raw->size() != kTileWidth * Hash::kSize) {
    return fail(Code::corrupt, "evidence.tile.length", name, "A stored hash tile does not have its 8192 bytes.");
  }
  return std::move(*raw);
}

Result<Bytes> Tiles::read(const TileId& id) const {
  if (auto here = tail_.tile(id)) return std::move(*here);
  HF_TRY(Bytes full, read_full_tile(store_, id));
  if (id.width == kTileWidth) return full;
  if (!id.entries) return full.substr(0, id.width * Hash::kSize);
  const auto first = first_entries(full, id.width);
  if (!first) return fail(Code::corrupt, "evidence.bundle.malformed", id.path(), "A stored entry bundle is too short.");
  return Bytes(*first);
}

HashReader Tiles::hashes(std::uint64_t size) const {
  return read_hashes(size, [this](const TileId& id) { return read(id); });
}

Result<Bytes> Tiles::entry(std::uint64_t index) const {
  const TileId id{
      .entries = true, .number = index / kTileWidth, .width = static_cast<std::uint16_t>(index % kTileWidth + 1)};
  HF_TRY(const Bytes bundle, read(id));
  HF_TRY(const auto entries, split_bundle(bundle, id.width));
  return Bytes(entries.back());
}

Result<void> Tiles::visit(std::uint64_t from, std::uint64_t to,
                          const std::function<Result<bool>(std::uint64_t, ByteView)>& visit) const {
  while (from < to) {
    const std::uint64_t begin = from / kTileWidth * kTileWidth;
    const TileId id{.entries = true,
                    .number = from / kTileWidth,
                    .width = static_cast<std::uint16_t>(std::min(kTileWidth, to - begin))};
    HF_TRY(const Bytes bundle, read(id));
    HF_TRY(const auto entries, split_bundle(bundle, id.width));
    for (; from < begin + id.width; ++from) {
      HF_TRY(const bool more, visit(from, entries[from - begin]));
      if (!more) return {};
    }
  }
  return {};
}

}  // namespace holdfast::evidence
