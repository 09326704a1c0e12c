#pragma once

#include <optional>
#include <string>
#include <vector>

#include "evidence/formats/entry.h"
#include "evidence/formats/tile.h"
#include "verify/source.h"

namespace holdfast::verify {

/// The entries of one bundle as the log serves them, held up to the hash tile beside it.
struct Bundle {
  enum class State { good, forged, missing };
  struct Slot {
    State state = State::missing;
    std::optional<evidence::Entry> entry;  ///< what was served there, if it can be read
    std::string malformed;                 ///< why it cannot
  };

  evidence::TileId id;       ///< of the hash tile
  std::vector<Hash> tile;    ///< as served; empty when it is not, or has not the right size
  std::vector<Hash> hashes;  ///< of the entries as served, in their order
  std::vector<Slot> slots;   ///< one for each of the tile's width
  std::size_t surplus = 0;   ///< entries served that belong to no slot
  bool trailing = false;     ///< bytes follow the last entry that make none
  bool served = false;       ///< there is a bundle at all

  std::uint64_t first() const { return id.number * evidence::kTileWidth; }
  /// As many entries as there should be, so `hashes` may be the tile's.
  bool complete() const { return surplus == 0 && hashes.size() == slots.size(); }
};

/// A hash tile; corrupt when it has another size. A partial tile that is gone is cut from the full one (tlog-tiles
/// lets a log drop it then).
Result<std::vector<Hash>> fetch_tile(Source& source, const evidence::TileId& id);

/// Fetches bundle and tile, hashes every entry, compares, decodes. Only what could not be asked of the source is an
/// Error; what the log serves wrongly is in the Bundle.
Result<Bundle> fetch_bundle(Source& source, std::uint64_t number, std::uint16_t width);

}  // namespace holdfast::verify
