#include <fmt/format.h>

#include <set>

#include "agreement/spelling.h"
#include "agreement/terms.h"
#include "base/bytes.h"
#include "base/hash.h"

namespace holdfast::agreement {
namespace {

constexpr std::size_t kCollectionsMax = 200;
constexpr std::size_t kFieldsMax = 200;

/// What stored records say instead of a name: the first 32 bits of its SHA-256.
std::uint32_t tag_of(std::string_view name) {
  const Hash hash = sha256(name);
  ByteReader reader(hash.view());
  return reader.u32();
}

std::uint32_t unique_tag(const Node::Member& member, std::set<std::uint32_t>& tags, Findings& findings) {
  const std::uint32_t tag = tag_of(member.key);
  if (!tags.insert(tag).second) {
    findings.add("agreement.name.collision", member.at,
                 fmt::format("'{}' would be stored under the same number as another name here; rename it", member.key));
  }
  return tag;
}

Field read_field(const Node::Member& member, Draft& draft) {
  Findings& findings = draft.findings;
  Field field;
  field.name = member.key;
  field.line = member.at.line;
  const Terms terms(member.value, "a field", {"type", "category"}, findings);
  static constexpr std::string_view kTypes[] = {"text", "integer",  "decimal", "boolean",     "date",
                                                "time", "duration", "bytes",   "list of text"};
  if (const Node* node =
          terms.required("type", "text, integer, decimal, boolean, date, time, duration, bytes or list of text")) {
    if (const std::string* text = text_of(*node, "a type", findings)) {
      const auto type = parse_field_type(*text);
      if (type) field.type = *type;
      if (!type) {
        findings.add_unknown("agreement.type.unknown", node->at, *text, "is not a type; known: " + one_of(kTypes),
                             kTypes);
      }
    }
  }
  if (const Node* node = terms.required("category", "what kind of data it is, such as user.contact.email")) {
    if (const std::string* category = category_of(*node, draft)) field.category = *category;
  }
  return field;
}

void read_fields(const Node& node, Collection& collection, Draft& draft) {
  Names& names = draft.fields.back();
  names.readable = node.kind == Node::Kind::map;
  std::set<std::uint32_t> tags;
  each_named(node, "field", kFieldsMax, draft.findings, [&](const Node::Member& member) {
    if (member.key == "subject" || member.key == collection.key) {
      draft.findings.add(
          "agreement.name.reserved", member.at,
          fmt::format("'{}' is how a record itself is named when it is deposited; name the field otherwise",
                      member.key));
    }
    names.add(member.key);
    Field field = read_field(member, draft);
    field.tag = unique_tag(member, tags, draft.findings);
    collection.fields.push_back(std::move(field));
  });
}

void read_collection(const Node::Member& member, std::set<std::uint32_t>& tags, Draft& draft) {
  Findings& findings = draft.findings;
  Collection collection;
  collection.name = member.key;
  collection.line = member.at.line;
  collection.tag = unique_tag(member, tags, findings);
  const Terms terms(member.value, "a collection", {"from", "key", "keep", "fields"}, findings);
  if (const Node* node = terms.required("from", "the parties who may deposit, such as [app-us]")) {
    each_text(*node, "parties", false, findings, [&](const Node& item) {
      if (const auto party = resolve_party(item, draft)) collection.depositors.push_back(*party);
    });
  }
  if (const Node* node = terms.optional("key")) {
    if (const std::string* key = text_of(*node, "the name of what tells records apart", findings)) {
      if (is_name(*key) && *key != "subject") {
        collection.key = *key;
      } else {
        add_expected("agreement.name.malformed", *node, "a name such as 'event', and not 'subject'", findings);
      }
    }
  }
  if (const Node* node = terms.required("keep", "how long records are kept, such as 5y, 400d or 36h")) {
    if (const std::string* text = text_of(*node, "a duration", findings)) {
      const auto keep = parse_duration(*text);
      if (keep) collection.keep = *keep;
      if (!keep) {
        add_expected("agreement.duration.malformed", *node, "a duration such as 5y, 400d or 36h, at most 100y",
                     findings);
      }
    }
  }
  if (const Node* node = terms.required("fields", "the fields of a record, each with type and category")) {
    read_fields(*node, collection, draft);
  }
  draft.plan.collections.push_back(std::move(collection));
}

void read_additions(const Node& node, std::string_view what, std::string_view example, Taxonomy& taxonomy,
                    Findings& findings) {
  if (node.kind != Node::Kind::map) {
    findings.add("agreement.term.type", node.at, fmt::format("expected a mapping from a {} to its description", what));
    return;
  }
  for (const auto& member : node.members) {
    const auto dot = member.key.rfind('.');
    const auto parent = std::string_view(member.key).substr(0, dot);
    if (!is_term(member.key) || dot == std::string::npos) {
      findings.add("agreement.taxonomy.malformed", member.at,
                   fmt::format("{} cannot name a {}: expected lower-case words joined by dots, such as {}",
                               quoted(member.key), what, example));
    } else if (!taxonomy.has(parent)) {
      findings.add_unknown("agreement.taxonomy.parent", member.at, parent,
                           fmt::format("is no {}; an addition stands beneath a known one (declare that first)", what),
                           taxonomy.keys());
    } else if (!taxonomy.add(member.key, member.value.text)) {
      findings.add("agreement.taxonomy.repeated", member.at, fmt::format("{} is there already", quoted(member.key)));
    }
    const std::string* description = text_of(member.value, "a description", findings);
    if (description && (description->find_first_not_of("0123456789.eE+- ") == std::string::npos ||
                        (!member.value.in_quotes && (*description == "true" || *description == "false")))) {
      add_expected("agreement.taxonomy.malformed", member.value, "a description in words", findings);
    }
  }
}

}  // namespace

void read_taxonomies(const Node& root, Draft& draft) {
  if (const auto* member = root.find("categories")) {
    read_additions(member->value, "category", "user.content.comment", draft.categories, draft.findings);
  }
  if (const auto* member = root.find("uses")) {
    read_additions(member->value, "use", "essential.service.moderation", draft.uses, draft.findings);
  }
}

void read_collections(const Node& node, Draft& draft) {
  draft.collections.readable = node.kind == Node::Kind::map;
  std::set<std::uint32_t> tags;
  each_named(node, "collection", kCollectionsMax, draft.findings, [&](const Node::Member& member) {
    draft.collections.add(member.key);
    draft.fields.emplace_back();
    read_collection(member, tags, draft);
  });
}

}  // namespace holdfast::agreement
