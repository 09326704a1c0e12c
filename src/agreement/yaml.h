#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/findings.h"

namespace holdfast::agreement {

/// The part of YAML that an agreement may use, as a tree with positions: mappings, lists, scalars. Nothing that lets
/// the text mean something else than it shows: no anchors, aliases, tags, directives, repeated keys, several
/// documents, control or direction-changing characters.
struct Node {
  enum class Kind { null, scalar, list, map };
  struct Member;

  Kind kind = Kind::null;
  Position at;                  ///< column in bytes; Findings::take turns it into characters
  std::string text;             ///< of a scalar
  bool in_quotes = false;       ///< scalar written in quotes or as a block: never a number
  std::vector<Node> items;      ///< of a list
  std::vector<Member> members;  ///< of a map, in the document's order, keys distinct

  /// Null when there is no such key.
  const Member* find(std::string_view key) const;
};

struct Node::Member {
  std::string key;
  Position at;
  Node value;
};

inline constexpr std::size_t kDocumentBytesMax = 1u << 20;
inline constexpr std::size_t kDepthMax = 16;
inline constexpr std::size_t kNodesMax = 200'000;

/// Nothing when the document cannot be read on at all; repeated keys and the like are findings, and the rest is read.
/// Takes any bytes.
std::optional<Node> read_yaml(std::string_view document, Findings& findings);

}  // namespace holdfast::agreement
