#pragma once

#include <cstdint>
#include <functional>

#include "base/result.h"
#include "evidence/formats/tile.h"
#include "evidence/formats/tree.h"
#include "evidence/tail.h"
#include "storage/store.h"

namespace holdfast::evidence {

/// Reads the durable log, wherever a piece of it lies: in the tail or in blobs. Thread-safe. Callers keep to what is
/// durable: a piece that is in neither place is corrupt ("evidence.tile.missing").
class Tiles {
 public:
  Tiles(const storage::Store& store, const Tail& tail) : store_(store), tail_(tail) {}

  /// A tile or bundle of any width; of a stored full one, its first part.
  Result<Bytes> read(const TileId& id) const;
  /// For proofs over the tree of `size`. One thread's.
  HashReader hashes(std::uint64_t size) const;
  Result<Bytes> entry(std::uint64_t index) const;
  /// Entries [from, to) in order, until `visit` answers false.
  Result<void> visit(std::uint64_t from, std::uint64_t to,
                     const std::function<Result<bool>(std::uint64_t index, ByteView entry)>& visit) const;

 private:
  const storage::Store& store_;
  const Tail& tail_;
};

/// A full tile or bundle from its blob, decompressed.
Result<Bytes> read_full_tile(const storage::Store& store, TileId id);

}  // namespace holdfast::evidence
