#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "evidence/formats/tile.h"

namespace holdfast::evidence {

/// The end of the log that is durable in the journal but not yet in blobs: its entries, and at every level of the
/// tree the hashes that no stored full tile holds. Thread-safe; one thread adds, one drops.
class Tail {
 public:
  static constexpr unsigned kLevels = 8;
  using Upper = std::array<std::vector<Hash>, kLevels>;

  /// Begins at entry `sealed`, a multiple of 256. `upper[L]`, L from 1: the hashes of level L that are in no full
  /// tile of a tree of that size.
  explicit Tail(std::uint64_t sealed, Upper upper = {});

  /// Entries as in a bundle, with their leaf hashes, and the root of each full tile that these end, if known already.
  void add(ByteView packed, std::span<const Hash> leaves, std::span<const Hash> roots = {});
  /// The leaf hashes since the last full tile.
  std::vector<Hash> unfinished() const;
  /// Forgets what is now in blobs: everything in full tiles of a tree of `sealed`, a multiple of 256.
  void drop(std::uint64_t sealed);

  std::uint64_t size() const { return size_; }      ///< durable entries in the whole log
  std::uint64_t sealed() const { return sealed_; }  ///< how many of them are in blobs
  /// The tile or bundle, of any width up to what is there; nothing if some of it is not here.
  std::optional<Bytes> tile(const TileId& id) const;

 private:
  struct Level {
    std::uint64_t first = 0;  ///< number of hashes[0] across the level; a multiple of 256
    std::vector<Hash> hashes;
    std::uint64_t end() const { return first + hashes.size(); }
  };
  void add_entries(ByteView packed);

  mutable std::mutex mutex_;
  std::array<Level, kLevels> levels_;
  std::deque<Bytes> bundles_;  ///< the first holds entry sealed_; the last may be partial
  std::atomic<std::uint64_t> size_, sealed_;
};

/// The first `width` entries of a bundle that holds at least as many; nothing otherwise.
std::optional<ByteView> first_entries(ByteView bundle, std::size_t width);

}  // namespace holdfast::evidence
