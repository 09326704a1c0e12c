#include "agreement/terms.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "agreement/spelling.h"

namespace holdfast::agreement {
namespace {

std::string_view describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      return "a mapping";
    case Node::Kind::scalar:
      return "a single value";
  }
  return "";
}

void add_type(const Node& node, std::string_view expected, Findings& findings) {
  findings.add("agreement.term.type", node.at, fmt::format("expected {}, found {}", expected, describe(node)));
}

}  // namespace

void Names::add(std::string name) { index_.emplace(std::move(name), static_cast<std::uint16_t>(index_.size())); }

std::optional<std::uint16_t> Names::find(std::string_view name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string_view> Names::all() const {
  std::vector<std::string_view> out;
  for (const auto& [name, index] : index_) out.push_back(name);
  return out;
}

Terms::Terms(const Node& node, std::string_view what, std::initializer_list<std::string_view> known, Findings& findings)
    : node_(node), what_(what), findings_(findings), is_map_(node.kind == Node::Kind::map) {
  if (!is_map_) {
    add_type(node, fmt::format("{}: a mapping with {}", what, one_of({known.begin(), known.size()})), findings);
    return;
  }
  for (const auto& member : node.members) {
    if (std::find(known.begin(), known.end(), member.key) != known.end()) continue;
    const std::string statement =
        fmt::format("is not a term of {}; known: {}", what, one_of({known.begin(), known.size()}));
    findings.add_unknown("agreement.term.unknown", member.at, member.key, statement, {known.begin(), known.size()});
  }
}

const Node* Terms::optional(std::string_view term) const {
  const auto* member = node_.find(term);
  return member ? &member->value : nullptr;
}

const Node* Terms::required(std::string_view term, std::string_view expected) const {
  const Node* node = optional(term);
  if (!node && is_map_) {
    findings_.add("agreement.term.missing", node_.at,
                  fmt::format("{} has no '{}': expected {}", what_, term, expected));
  }
  return node;
}

const std::string* text_of(const Node& node, std::string_view expected, Findings& findings) {
  if (node.kind == Node::Kind::scalar) return &node.text;
  add_type(node, expected, findings);
  return nullptr;
}

std::optional<std::uint64_t> number_of(const Node& node, std::string_view expected, std::uint64_t max,
                                       Findings& findings) {
  const std::string* text = text_of(node, expected, findings);
  if (!text) return std::nullopt;
  const auto number = parse_count(*text);
  if (number && *number <= max && !node.in_quotes) return number;
  add_expected("agreement.number.malformed", node, expected, findings);
  return std::nullopt;
}

void each_named(const Node& node, std::string_view what, std::size_t max, Findings& findings,
                const std::function<void(const Node::Member&)>& each) {
  if (node.kind != Node::Kind::map) return add_type(node, fmt::format("a mapping from {} names", what), findings);
  if (node.members.empty()) {
    findings.add("agreement.term.empty", node.at, fmt::format("expected at least one {}", what));
  }
  if (node.members.size() > max) {
    findings.add("agreement.term.many", node.at,
                 fmt::format("{} of them; at most {} may be declared", node.members.size(), max));
    return;
  }
  for (const auto& member : node.members) {
    if (is_name(member.key)) {
      each(member);
      continue;
    }
    findings.add("agreement.name.malformed", member.at,
                 fmt::format("{} cannot name a {}: a name is a letter, then letters, digits, '-' or '_', at most 64 "
                             "in all, and not a word like 'true' or 'no'",
                             quoted(member.key), what));
  }
}

void each_text(const Node& node, std::string_view what, bool or_one, Findings& findings,
               const std::function<void(const Node&)>& each) {
  if (or_one && node.kind == Node::Kind::scalar) return each(node);
  if (node.kind != Node::Kind::list) return add_type(node, fmt::format("a list of {}", what), findings);
  if (node.items.empty())
    findings.add("agreement.term.empty", node.at, fmt::format("expected at least one of {}", what));
  std::set<std::string_view> seen;
  for (const Node& item : node.items) {
    if (!text_of(item, what, findings)) continue;
    if (seen.insert(item.text).second) {
      each(item);
    } else {
      findings.add("agreement.term.repeated", item.at, fmt::format("{} is in this list already", quoted(item.text)));
    }
  }
}

std::optional<std::uint16_t> resolve(std::string_view name, Position at, const Names& names, std::string_view slug,
                                     std::string_view statement, Findings& findings) {
  const auto index = names.find(name);
  if (!index && names.readable) findings.add_unknown(slug, at, name, statement, names.all());
  return index;
}

std::optional<CollectionIndex> resolve_collection(std::string_view name, Position at, Draft& draft) {
  return resolve(name, at, draft.collections, "agreement.collection.unknown", "is not a collection of this agreement",
                 draft.findings);
}

std::optional<FieldIndex> resolve_field(std::string_view name, Position at, CollectionIndex collection, Draft& draft) {
  return resolve(name, at, draft.fields[collection], "agreement.field.unknown",
                 fmt::format("is not a field of '{}'", draft.plan.collections[collection].name), draft.findings);
}

std::optional<PartyIndex> resolve_party(const Node& node, Draft& draft) {
  const std::string* name = text_of(node, "the name of a party", draft.findings);
  if (!name) return std::nullopt;
  return resolve(*name, node.at, draft.parties, "agreement.party.unknown", "is not a party of this agreement",
                 draft.findings);
}

const std::string* category_of(const Node& node, Draft& draft) {
  const std::string* category = text_of(node, "a category such as user.contact.email", draft.findings);
  if (!category || draft.categories.has(*category)) return category;
  draft.findings.add_unknown("agreement.category.unknown", node.at, *category,
                             "is not a category of Fideslang, nor of this agreement's own", draft.categories.keys());
  return nullptr;
}

const std::string* country_of(const Node& node, Draft& draft) {
  const std::string* country = text_of(node, "a country code such as US", draft.findings);
  if (!country || is_country(*country)) return country;
  draft.findings.add(
      "agreement.country.unknown", node.at,
      fmt::format("{} is not a country: expected an ISO 3166-1 code of two capital letters, such as US{}",
                  quoted(*country), *country == "UK" ? "; the United Kingdom is GB" : ""));
  return nullptr;
}

std::optional<SharePpm> share_of(const Node& node, Findings& findings) {
  static constexpr std::string_view kExpected = "a share such as '19.9 %', above 0 and at most 100 %";
  const std::string* text = text_of(node, kExpected, findings);
  if (!text) return std::nullopt;
  const auto share = parse_share(*text);
  if (!share) add_expected("agreement.share.malformed", node, kExpected, findings);
  return share;
}

void add_expected(std::string_view slug, const Node& node, std::string_view expected, Findings& findings) {
  findings.add(slug, node.at, fmt::format("expected {}, found {}", expected, quoted(node.text)));
}

}  // namespace holdfast::agreement
