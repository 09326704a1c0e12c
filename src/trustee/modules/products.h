#pragma once

#include <set>

#include "base/secret.h"
#include "storage/store.h"

namespace holdfast::trustee {

/// What jobs made, in custody: sealed under a key of the vault's, in pieces, each bound to its job and its place. A
/// product is named by its job. Thread-safe.
class Products {
 public:
  /// `store` must outlive it.
  Products(storage::Store& store, Key256 key) : store_(store), key_(std::move(key)) {}

  /// On disk on return, in place of what an earlier attempt of the same job left. `salt`: the digest's.
  Result<void> put(std::uint64_t job, ByteView salt, ByteView product);
  /// Errors: not_found product.missing; corrupt product.damaged (not what was put, or not of this digest).
  Result<Bytes> get(std::uint64_t job, const Hash& digest) const;
  /// Deletes all but those of `jobs`.
  Result<void> keep(const std::set<std::uint64_t>& jobs);

 private:
  storage::Store& store_;
  const Key256 key_;
};

}  // namespace holdfast::trustee
