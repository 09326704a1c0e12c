#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "evidence/formats/tile.h"
#include "evidence/formats/tree.h"

namespace holdfast::verify {

/// A Merkle tree built up leaf by leaf, of which only the right edge is kept: the hashes of each level's unfinished
/// tile. It tells each tile that it finishes, so what the log serves can be compared.
class TileTree {
 public:
  using Finished = std::function<void(const evidence::TileId&, std::span<const Hash>)>;

  std::uint64_t size() const { return size_; }
  void append(const Hash& leaf, const Finished& finished);
  /// A whole tile of leaves, by its root. HF_ASSERTs that the tree ends at a tile's border.
  void append_tile(const Hash& root, const Finished& finished);
  Hash root() const;
  /// The hashes of the unfinished tile of `level`; may be empty.
  std::span<const Hash> edge(std::size_t level) const;
  std::size_t levels() const { return levels_.size(); }
  /// Of the unfinished tile of `level`, which must not be empty.
  evidence::TileId edge_id(std::size_t level) const;

  Bytes encode() const;
  /// corrupt unless encode() wrote it.
  static Result<TileTree> decode(ByteView raw);

 private:
  void push(std::size_t level, const Hash& hash, const Finished& finished);

  std::uint64_t size_ = 0;
  std::vector<std::vector<Hash>> levels_;
};

}  // namespace holdfast::verify
