#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

namespace holdfast::sealed {

// What an operator promises about its source before anybody sees it: a Merkle tree over the files, of which each can be
// opened by itself, and of which nothing can be guessed, not even the name of a file. docs/sealed-modules.md.

inline constexpr std::string_view kSourceAlgorithm = "holdfast-source-v1";
inline constexpr std::size_t kSourceFilesMax = 1'000'000;
inline constexpr std::size_t kSourcePathBytesMax = 4096;

enum class SourceKind : char { file = 'f', executable = 'x', link = 'l' };  ///< a link's content is where it leads

struct SourceFile {
  std::string path;  ///< from the tree's root, '/' between; UTF-8
  SourceKind kind = SourceKind::file;
  Hash content;  ///< SHA-256
};

struct SourceCommitment {
  Hash root;
  std::uint64_t files = 0;
  bool operator==(const SourceCommitment&) const = default;
};

/// Shows that one file belongs to a committed tree, and nothing of the others but how many there are.
struct SourceOpening {
  SourceFile file;
  Hash salt;
  std::uint64_t index = 0, files = 0;
  std::vector<Hash> proof;  ///< RFC 6962 §2.1.1
};

/// A tree of source files and the secret that its salts come from. Who knows the secret can test guesses at files.
class SourceTree {
 public:
  /// In any order; they are sorted by the bytes of their paths.
  /// Errors: invalid "sealed.source.path" (empty, absolute, with "..", not UTF-8, too long, twice there),
  /// "sealed.source.large" (kSourceFilesMax, or no file at all).
  static Result<SourceTree> create(std::vector<SourceFile> files, const Key256& secret);

  const std::vector<SourceFile>& files() const { return files_; }
  SourceCommitment commitment() const;
  /// Errors: not_found "sealed.source.unknown".
  Result<SourceOpening> open(std::string_view path) const;

 private:
  std::vector<SourceFile> files_;
  std::vector<Hash> salts_, leaves_;
};

/// Does the opening lead to the commitment? Whether the file's bytes have the hash is for the caller to see.
/// Errors: invalid "sealed.opening.wrong".
Result<void> check_opening(const SourceOpening& opening, const SourceCommitment& commitment);

/// As JSON, for files that people hand each other.
std::string to_json(const SourceOpening& opening);
/// Errors: invalid "sealed.opening.malformed".
Result<SourceOpening> parse_opening(std::string_view json);

}  // namespace holdfast::sealed
