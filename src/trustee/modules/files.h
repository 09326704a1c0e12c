#pragma once

#include "base/secret.h"
#include "storage/store.h"

namespace holdfast::trustee {

/// The files of sealed modules, in custody: each sealed under a key of the vault's and bound to its SHA-256, by which
/// it is named. Whoever reads the disk or a backup of the records alone has no operator's code. Thread-safe.
class ModuleFiles {
 public:
  /// `store` must outlive it.
  ModuleFiles(const storage::Store& store, Key256 key) : store_(store), key_(std::move(key)) {}

  /// What is to lie in the store for it.
  storage::Blob sealed(const Hash& module, ByteView file) const;
  /// Errors: corrupt module.missing (not there, or not what was put).
  Result<Bytes> get(const Hash& module) const;

 private:
  const storage::Store& store_;
  const Key256 key_;
};

}  // namespace holdfast::trustee
