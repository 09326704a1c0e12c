#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// What the log calls its things in the store. Full tiles and bundles are blobs under their own tlog-tiles path
// ("tile/0/x001/234"), bundles compressed.

namespace holdfast::evidence {

inline constexpr std::string_view kJournal = "log";  ///< the journal, and the lease that guards it
inline constexpr std::string_view kCheckpointPrefix = "checkpoint/";
inline constexpr std::string_view kSnapshotPrefix = "snapshot/";

/// `prefix` and the size in twenty digits, so that names sort as their numbers do.
inline std::string name_by_size(std::string_view prefix, std::uint64_t size) {
  std::string digits = std::to_string(size);
  digits.insert(0, 20 - digits.size(), '0');
  return std::string(prefix) + digits;
}

}  // namespace holdfast::evidence
