#pragma once

#include <array>
#include <memory>
#include <optional>

#include "evidence/formats/tree.h"
#include "verify/bundle.h"
#include "verify/memory.h"
#include "verify/tile_tree.h"
#include "verify/verify.h"

namespace holdfast::verify {

/// One run over one log: takes the bundles in order, builds the tree, folds the entries, notes what is wrong.
/// On the caller's thread only.
class Auditor {
 public:
  /// Borrows all; `report.checkpoint` and `report.log_key` are set.
  Auditor(const Options& options, Source& source, const VerifierKey& log_key, Report& report);

  /// Goes on from an earlier run. Errors: the agreement in force cannot be had.
  Result<void> resume(const Memory& memory);
  /// Is the log of the checkpoint one that grew out of `old`? Finds a rollback or a split view.
  Result<void> extends(const evidence::Checkpoint& old, std::string_view holder);
  Result<void> take(const Bundle& bundle);
  /// What is behind `index` was not asked for, so nothing is said of the root.
  void give_up(std::uint64_t index);
  /// Holds the rest of the tiles and the root against the checkpoint, and completes the report.
  Result<void> finish();
  Memory memory(std::string checkpoint_note) const;

  void find(std::string_view slug, std::optional<std::uint64_t> index, std::string text,
            Verdict verdict = Verdict::violations);

 private:
  enum class Truth { tile, entries, unknown };

  Truth settle(const Bundle& bundle);
  bool leads_to_root(std::span<const Hash> leaves) const;
  void grow(const Bundle& bundle, Truth truth);
  void name_missing(const Bundle& bundle, std::size_t from, std::size_t to);
  void name_slots(const Bundle& bundle, Truth truth);
  Result<void> fold(const Bundle& bundle, Truth truth);
  Result<void> judge(std::uint64_t index, const evidence::Entry& entry);
  void compare_tile(const evidence::TileId& id, std::span<const Hash> hashes);
  TileTree::Finished comparing();

  const Options& options_;
  Source& source_;
  const VerifierKey& log_key_;
  Report& report_;
  evidence::HashReader served_;  // the hash tiles as the log serves them
  TileTree tree_;
  ledger::Ledger ledger_;
  std::array<std::uint64_t*, std::variant_size_v<evidence::Event>> counts_{};  // of each kind met, in report_.kinds
  std::uint64_t unjudged_ = 0, first_unjudged_ = 0;  // entries before an agreement that follow a finding
  bool tree_whole_ = true;                           // no leaf is lacking
  std::optional<Error> stopped_;                     // a fetch that failed inside a callback
};

/// Reads agreements from the log they were adopted in.
ledger::DocumentReader documents_of(Source& source);

}  // namespace holdfast::verify
