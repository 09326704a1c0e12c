#pragma once

#include <functional>

#include "agreement/plan.h"
#include "base/result.h"
#include "vault/vault.h"

namespace holdfast::trustee {

inline vault::Retention retention_of(const agreement::Collection& collection) {
  return {collection.tag, collection.keep};
}

/// How a collection is held.
struct Holding {
  explicit Holding(const agreement::Collection& collection)
      : retention(retention_of(collection)), append_only(collection.append_only()) {}
  vault::Retention retention;
  bool append_only = false;
};

/// A record that a flow may see, during the visit: the only one of its collection, or a row.
struct Held {
  ByteView id;  ///< tells it from the others of its collection: a row's key, a single record's version
  std::optional<std::uint64_t> version;  ///< of a single record
  const vault::Record& record;
};

/// Visits what is held of `subject` in one collection and within its keep, oldest first; none is no error. `visit`
/// answers false to stop, and must not call the vault. Errors: those of the vault.
Result<void> read_held(const vault::Vault& vault, const vault::Subject& subject, const Holding& holding,
                       const std::function<bool(const Held&)>& visit);

}  // namespace holdfast::trustee
