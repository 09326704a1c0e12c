#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace holdfast::storage {

/// Looks for many byte strings at once in the raw files of a directory, at about the disk's speed: the proof that a
/// removal left nothing behind. Strings under kNeedleBytesMin are passed over, since chance would find them.
class FileSearch {
 public:
  static constexpr std::size_t kNeedleBytesMin = 16;

  explicit FileSearch(std::vector<Bytes> needles);
  /// The path of the first file beneath `directory` that contains one; nothing when none does. Files that vanish
  /// meanwhile are passed over. RocksDB's logs (*.log) are read also without their block headers, which may cut a
  /// string in two. unavailable ("storage.search") when a file cannot be read.
  Result<std::optional<std::string>> first_hit(const std::string& directory) const;

 private:
  Result<bool> in_file(const std::string& path, bool without_headers) const;
  bool in_window(ByteView window) const;

  std::vector<Bytes> needles_;
  std::size_t longest_ = 0;
  std::unordered_multimap<std::uint64_t, std::size_t> by_ending_;  ///< last eight bytes -> index into needles_
  std::vector<bool> maybe_;                                        ///< a small filter before by_ending_
};

}  // namespace holdfast::storage
