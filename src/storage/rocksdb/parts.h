#pragma once

#include <array>
#include <memory>
#include <string>

#include "storage/journal/journal.h"
#include "storage/rocksdb/instance.h"
#include "storage/rocksdb/store.h"

namespace holdfast::storage {

/// The folders of a store in `directory`: records, keys and log, in the order in which they are written to.
std::array<std::string, 3> parts_in(const std::string& directory);

/// A store's databases and journals, open.
struct RocksParts {
  RocksShared shared;
  Journal::Options journal_options;
  std::unique_ptr<RocksInstance> records, keys, log;
  Journal::ByName journals;

  /// As they are now.
  Marks marks() const { return {records->changes(), keys->changes(), log->changes()}; }
  /// Is all there that was on disk when a journal was last appended to, and of each journal what was there when its
  /// lease was last written? Errors: corrupt "storage.changes.lost", naming the part or the journal's files;
  /// unavailable.
  Result<void> require_marks() const;
  /// What is there is all from now on: of copies that were made one after the other, or of what is left of damage.
  Result<void> take_marks();
  /// Reads every block against its checksum. Errors: corrupt "storage.corrupt", naming the file; unavailable.
  Result<void> verify() const;
};

/// Looks at all of them before it opens the first. Writes nothing but what makes an unclean end a clean one. Errors: as
/// open_rocksdb.
Result<RocksParts> open_parts(const std::string& directory, const RocksOptions& options);

}  // namespace holdfast::storage
