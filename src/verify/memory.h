#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/note.h"
#include "base/result.h"
#include "verify/tile_tree.h"

namespace holdfast::verify {

/// What a good run leaves for the next.
struct Memory {
  VerifierKey log_key;
  Hash parties;            ///< parties_digest() of the run; with other keys the log is checked from its beginning
  std::string checkpoint;  ///< the signed note, verbatim: an old one proves what was signed
  TileTree tree;
  Bytes ledger;  ///< Ledger::snapshot()
  std::map<std::string, std::uint64_t> kinds;
  std::optional<UnixMillis> newest_at;  ///< time of the last entry; nothing of an empty log, and in older files

  /// invalid ("verify.state.corrupt") if the file is none of ours or damaged; nothing when there is no file.
  static Result<std::optional<Memory>> load(const std::string& path);
  /// Replaces the file whole, or not at all.
  Result<void> save(const std::string& path) const;
};

/// The same for the same keys in any order.
Hash parties_digest(const std::vector<VerifierKey>& parties);

}  // namespace holdfast::verify
