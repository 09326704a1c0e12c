#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.h"
#include "cli/evidence/evidence_place.h"

namespace holdfast::cli {

/// What bringing a mirror up to date came to.
struct Mirrored {
  std::uint64_t tiles = 0, fetched = 0;  ///< that the log has; of these, new or wrong in the mirror
  std::uint64_t bytes = 0;               ///< of those fetched
};

/// Makes `to` a mirror of the log as plain files, or goes on with one. Every file is held up to the checkpoint's root
/// before it is written, and one that is there already too: what is wrong is fetched again. The checkpoint comes last.
/// Errors: invalid "cli.log.mirror.other" (a folder with something else in it); corrupt: "evidence.tile.forged" (the
/// log's files are not what its checkpoint promises), "cli.log.mirror.altered", and "evidence.log.other", ".rollback",
/// ".split-view" when the log does not go on from the mirror, which is kept then as it was.
Result<Mirrored> update_mirror(const Evidence& log, const std::filesystem::path& to);

}  // namespace holdfast::cli
