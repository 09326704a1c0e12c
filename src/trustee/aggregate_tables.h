#pragma once

#include "base/secret.h"
#include "storage/store.h"

namespace holdfast::trustee {

/// What flows that aggregate released within the window of their budget, in custody: sealed under a key of the
/// vault's and bound to its flow and digest. Of each flow the last is kept. Thread-safe.
class AggregateTables {
 public:
  static constexpr std::size_t kTableBytesMax = 48u << 20;

  /// `store` must outlive it.
  AggregateTables(storage::Store& store, Key256 key) : store_(store), key_(std::move(key)) {}

  struct Table {
    Bytes salt;   ///< 16 bytes
    Hash digest;  ///< SHA-256(salt || json)
    std::string json;
    std::uint64_t groups = 0;
  };
  /// On disk on return, in place of the flow's last. `json`: at most kTableBytesMax.
  Result<void> put(std::string_view flow, const Table& table);
  /// Errors: corrupt aggregate.missing (not there, or not what was put).
  Result<Table> get(std::string_view flow, const Hash& digest) const;

 private:
  storage::Store& store_;
  const Key256 key_;
};

}  // namespace holdfast::trustee
