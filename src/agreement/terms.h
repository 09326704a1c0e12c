#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/draft.h"

namespace holdfast::agreement {

/// Reads one mapping of known terms: reports when it is no mapping, and every term that is unknown or missing.
class Terms {
 public:
  /// `what` for messages: "a flow". `known` must be literals; they outlive this.
  Terms(const Node& node, std::string_view what, std::initializer_list<std::string_view> known, Findings& findings);
  bool is_map() const { return is_map_; }
  /// Null when absent.
  const Node* optional(std::string_view term) const;
  /// Null when absent, which is reported; `expected` says what should stand there.
  const Node* required(std::string_view term, std::string_view expected) const;

 private:
  const Node& node_;
  std::string_view what_;
  Findings& findings_;
  bool is_map_;
};

/// The scalar's text, or null after reporting that `expected` was expected.
const std::string* text_of(const Node& node, std::string_view expected, Findings& findings);
/// A whole number that is not in quotes.
std::optional<std::uint64_t> number_of(const Node& node, std::string_view expected, std::uint64_t max,
                                       Findings& findings);
/// Calls `each` for every member of a mapping whose keys are names that the document gives. Reports a node that is no
/// mapping, an empty one, one with more than `max` members, and malformed names (which are passed over).
void each_named(const Node& node, std::string_view what, std::size_t max, Findings& findings,
                const std::function<void(const Node::Member&)>& each);
/// Calls `each` for every item of a list of texts; `or_one`: a text may stand alone. Reports what is no list of
/// texts, and repeated items (which are passed over).
void each_text(const Node& node, std::string_view what, bool or_one, Findings& findings,
               const std::function<void(const Node&)>& each);
/// The index of the name in `node`, or nothing after reporting it as unknown: "'x' is not a party of this agreement".
std::optional<std::uint16_t> resolve(std::string_view name, Position at, const Names& names, std::string_view slug,
                                     std::string_view statement, Findings& findings);
/// A collection of this agreement, and a field of one, by name.
std::optional<CollectionIndex> resolve_collection(std::string_view name, Position at, Draft& draft);
std::optional<FieldIndex> resolve_field(std::string_view name, Position at, CollectionIndex collection, Draft& draft);
/// "bytedance" as a party.
std::optional<PartyIndex> resolve_party(const Node& node, Draft& draft);
/// "user.contact.email" as a category that Fideslang or the document knows.
const std::string* category_of(const Node& node, Draft& draft);
const std::string* country_of(const Node& node, Draft& draft);
/// "19.9 %", as a share.
std::optional<SharePpm> share_of(const Node& node, Findings& findings);
/// An expectation that was not met by a scalar: "expected …, found 'x'".
void add_expected(std::string_view slug, const Node& node, std::string_view expected, Findings& findings);

}  // namespace holdfast::agreement
