#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "evidence/formats/tree.h"

namespace holdfast::evidence {

/// C2SP tlog-tiles: paths and contents. https://c2sp.org/tlog-tiles
inline constexpr std::uint64_t kTileWidth = 256;
inline constexpr std::size_t kEntryBytesMax = 65535;
inline constexpr std::size_t kBundleBytesMax = kTileWidth * (2 + kEntryBytesMax);

/// One tile or entry bundle. `width` 1..256; 256 is a full one.
struct TileId {
  bool entries = false;    ///< an entry bundle; level is 0 then
  std::uint8_t level = 0;  ///< 0..63, in steps of eight tree levels
  std::uint64_t number = 0;
  std::uint16_t width = kTileWidth;

  /// "tile/0/x001/234", "tile/entries/000.p/7".
  std::string path() const;
  /// The inverse; nothing for anything else ("tile/0/0", "…p/0", "…p/256", "x1/…" are not paths).
  static std::optional<TileId> parse(std::string_view path);
  bool operator==(const TileId&) const = default;
};

/// Every tile (hash tiles and bundles) that a tree of `size` has, beyond those a tree of `from` had in full.
std::vector<TileId> tiles_of(std::uint64_t size, std::uint64_t from = 0);

/// Looks hashes up in the hash tiles of a tree of `size` leaves, each asked of `fetch` once and kept. Not thread-safe.
HashReader read_hashes(std::uint64_t size, std::function<Result<Bytes>(const TileId&)> fetch);

/// Appends one entry to a bundle: uint16 length || bytes. HF_ASSERTs entry.size() <= kEntryBytesMax.
void put_entry(Bytes& bundle, ByteView entry);
/// Splits a bundle; corrupt unless it is exactly `width` entries. Views into `bundle`.
Result<std::vector<ByteView>> split_bundle(ByteView bundle, std::size_t width);

}  // namespace holdfast::evidence
