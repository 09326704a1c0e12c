#include "verify/bundle.h"

#include <algorithm>

#include "evidence/formats/tree.h"

namespace holdfast::verify {

using evidence::kTileWidth;
using evidence::TileId;

namespace {

bool is_log_fault(const Error& error) { return error.code == Code::not_found || error.code == Code::corrupt; }

/// A tile or bundle, whole; of one that is partial and gone, the full one.
Result<Bytes> fetch_wide(Source& source, TileId id, std::size_t bytes_max) {
  auto bytes = source.get(id.path(), bytes_max);
  if (bytes || bytes.error().code != Code::not_found || id.width == kTileWidth) return bytes;
  id.width = kTileWidth;
  auto full = source.get(id.path(), bytes_max);
  return full ? std::move(full) : std::move(bytes);
}

struct Split {
  std::vector<ByteView> entries;
  bool cut = false;  ///< bytes follow that make no entry
};

/// The entries that can be split off, at most `most`.
Split split_leniently(ByteView bundle, std::size_t most) {
  Split out;
  ByteReader in(bundle);
  while (in.left() > 0 && out.entries.size() < most) {
    const ByteView entry = in.take(in.u16());
    out.cut = !in.ok();
    if (out.cut) break;
    out.entries.push_back(entry);
  }
  return out;
}

void fill(Bundle::Slot& slot, ByteView entry, Bundle::State state) {
  slot.state = state;
  auto decoded = evidence::Entry::decode(entry);
  if (decoded) {
    slot.entry = *std::move(decoded);
  } else {
    slot.malformed = decoded.error().what;
  }
}

/// Gives each entry its slot. One that was taken out or put in shifts those behind it; they are found by their hashes,
/// so that only the one is named.
void align(Bundle& bundle, const std::vector<ByteView>& entries) {
  const std::vector<Hash>& tile = bundle.tile;
  const std::vector<Hash>& hashes = bundle.hashes;
  std::size_t next = 0;
  for (std::size_t i = 0; i < bundle.slots.size() && next < entries.size(); ++i) {
    if (tile.empty() || hashes[next] == tile[i]) {
      fill(bundle.slots[i], entries[next++], Bundle::State::good);
      continue;
    }
    const auto rest = tile.begin() + static_cast<std::ptrdiff_t>(i) + 1;
    if (std::find(rest, tile.end(), hashes[next]) != tile.end()) continue;  // its own slot comes later
    const auto later = std::find(hashes.begin() + static_cast<std::ptrdiff_t>(next) + 1, hashes.end(), tile[i]);
    if (later != hashes.end()) {
      bundle.surplus += static_cast<std::size_t>(later - hashes.begin()) - next;
      next = static_cast<std::size_t>(later - hashes.begin());
      fill(bundle.slots[i], entries[next++], Bundle::State::good);
    } else {
      fill(bundle.slots[i], entries[next++], Bundle::State::forged);
    }
  }
  bundle.surplus += entries.size() - next;
}

}  // namespace

Result<std::vector<Hash>> fetch_tile(Source& source, const TileId& id) {
  HF_TRY(const Bytes bytes, fetch_wide(source, id, kTileWidth * Hash::kSize));
  const std::size_t wanted = std::size_t{id.width} * Hash::kSize;
  if (bytes.size() != wanted && bytes.size() != kTileWidth * Hash::kSize) {
    return fail(Code::corrupt, "evidence.tile.forged", id.path(), "the tile has not the size that it must have");
  }
  std::vector<Hash> out(id.width);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = *Hash::from(ByteView(bytes).substr(i * Hash::kSize, Hash::kSize));
  return out;
}

Result<Bundle> fetch_bundle(Source& source, std::uint64_t number, std::uint16_t width) {
  Bundle out;
  out.id = {false, 0, number, width};
  out.slots.resize(width);
  auto tile = fetch_tile(source, out.id);
  if (tile) {
    out.tile = *std::move(tile);
  } else if (!is_log_fault(tile.error())) {
    return tl::unexpected(std::move(tile).error());
  }
  const TileId entries_id{true, 0, number, width};
  auto bytes = source.get(entries_id.path(), evidence::kBundleBytesMax);
  std::size_t most = kTileWidth + 1;  // one more than can be right is enough to see that there are too many
  if (!bytes && bytes.error().code == Code::not_found && width < kTileWidth) {
    bytes = fetch_wide(source, entries_id, evidence::kBundleBytesMax);
    most = width;  // the full bundle goes on behind the partial one
  }
  if (!bytes) {
    if (!is_log_fault(bytes.error())) return tl::unexpected(std::move(bytes).error());
    return out;
  }
  out.served = true;
  const auto [entries, cut] = split_leniently(*bytes, most);
  out.hashes.reserve(entries.size());
  for (const ByteView entry : entries) out.hashes.push_back(evidence::leaf_hash(entry));
  align(out, entries);
  out.trailing = cut && entries.size() >= width;  // of fewer, one is missing, and that is said
  return out;
}

}  // namespace holdfast::verify
