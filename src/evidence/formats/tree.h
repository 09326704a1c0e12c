#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace holdfast::evidence {

/// The Merkle tree of RFC 6962 §2.1 over SHA-256.
Hash empty_root();
Hash leaf_hash(ByteView entry);                       ///< SHA256(0x00 || entry)
Hash node_hash(const Hash& left, const Hash& right);  ///< SHA256(0x01 || left || right)

/// Root of a complete subtree from its leaves, or from any one level of it. `hashes.size()` must be a power of two.
Hash complete_root(std::span<const Hash> hashes);

/// The roots of the complete subtrees that make up a tree, largest first: all that is needed to append and to
/// know the root. At most 64 hashes.
class Frontier {
 public:
  std::uint64_t size() const { return size_; }
  void append(const Hash& leaf);
  Hash root() const;
  /// For snapshots: size and hashes.
  Bytes encode() const;
  static Result<Frontier> decode(ByteView raw);

 private:
  std::uint64_t size_ = 0;
  std::vector<Hash> roots_;
};

/// Hash number `index` of level `level` (in powers of two: level 0 are the leaves): the root of leaves
/// [index·2^level, (index+1)·2^level). Callers look it up in tiles.
using HashReader = std::function<Result<Hash>(unsigned level, std::uint64_t index)>;

/// Root of the first `size` leaves, from complete subtrees.
Result<Hash> root_of(std::uint64_t size, const HashReader& read);
/// Sibling hashes, leaf upward (RFC 6962 §2.1.1). invalid unless index < size.
Result<std::vector<Hash>> inclusion_proof(std::uint64_t index, std::uint64_t size, const HashReader& read);
/// RFC 6962 §2.1.2; empty when old is 0 or equal to size.
Result<std::vector<Hash>> consistency_proof(std::uint64_t old_size, std::uint64_t size, const HashReader& read);
/// corrupt when the proof does not lead to `root`.
Result<void> check_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size, const Hash& root,
                             std::span<const Hash> proof);
Result<void> check_consistency(std::uint64_t old_size, const Hash& old_root, std::uint64_t size, const Hash& root,
                               std::span<const Hash> proof);

}  // namespace holdfast::evidence
