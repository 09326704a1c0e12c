#pragma once

#include <compare>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::agreement {

/// A place in the document: 1-based; columns count characters (code points), as editors do.
struct Position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  auto operator<=>(const Position&) const = default;
};

/// One thing that is wrong with a document.
struct Finding {
  std::string_view slug;  ///< stable and documented: "agreement.field.unknown"
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  std::string message;  ///< what is wrong, what was expected, and near names

  /// "12:5: message [slug]".
  std::string text() const;
  bool operator==(const Finding&) const = default;
};

/// At most this many are reported; a document with more is not read any better for a longer list.
inline constexpr std::size_t kFindingsMax = 100;

/// Collects findings while a document is read.
class Findings {
 public:
  /// `slug` must be a literal.
  void add(std::string_view slug, Position at, std::string message);
  /// "… 'word' is not a party; did you mean 'x'?": `statement` follows the word, near names of `known` follow it.
  void add_unknown(std::string_view slug, Position at, std::string_view word, std::string_view statement,
                   std::span<const std::string_view> known);
  bool empty() const { return list_.empty(); }
  /// Are all of them of these slugs?
  bool only(std::initializer_list<std::string_view> slugs) const;
  /// How many were added.
  std::size_t count() const { return list_.size() + dropped_; }
  /// Sorted by position, at most kFindingsMax and one that counts the rest. Columns, which the reader counts in
  /// bytes, become characters of `document`. Leaves this empty.
  std::vector<Finding> take(std::string_view document);

 private:
  std::vector<Finding> list_;
  std::size_t dropped_ = 0;
};

/// A word of the document between quotes, cut when it is long.
std::string quoted(std::string_view word);
/// "a, b or c".
std::string one_of(std::span<const std::string_view> words);

}  // namespace holdfast::agreement
