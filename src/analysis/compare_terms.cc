#include "analysis/compare_terms.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "agreement/agreement.h"
#include "agreement/form.h"
#include "analysis/danger.h"

namespace holdfast::analysis {
namespace {

using namespace agreement;
using Kind = Change::Kind;

std::string text_of(const Plan& plan, const Prohibition& rule) {
  const std::string whom =
      rule.party ? "'" + plan.parties[*rule.party].name + "'" : fmt::format("{}", fmt::join(rule.countries, ", "));
  const std::string from =
      rule.control_at == kShareControl ? "" : fmt::format(" (owned from {})", share_text(rule.control_at));
  if (rule.kind == Prohibition::Kind::bulk)
    return fmt::format("at most {} of {} to {}{}", rule.limit->text, rule.category, whom, from);
  return fmt::format("never {} to {}{}{}", rule.category, whom, from,
                     rule.allowed == Level::nothing ? "" : fmt::format(", unless {}", to_string(rule.allowed)));
}

void compare_prohibitions(const Plan& before, const Plan& after, std::vector<Change>& out) {
  std::map<std::string, std::uint32_t> was, now;
  for (const Prohibition& rule : before.prohibitions) was.emplace(text_of(before, rule), rule.line);
  for (const Prohibition& rule : after.prohibitions) now.emplace(text_of(after, rule), rule.line);
  for (const auto& [text, line] : was) {
    if (!now.contains(text)) out.push_back(term(Kind::loosens, "this prohibition is gone: " + text, 0, line));
  }
  for (const auto& [text, line] : now) {
    if (!was.contains(text)) out.push_back(term(Kind::tightens, "a new prohibition: " + text, line, 0));
  }
}

/// "us-28cfr202@1 (SHA-256 c1b2a3d4…), for 'maker'".
std::string text_of(const Plan& plan, const AdoptedPack& pack) {
  std::set<std::string> named;
  for (const PartyIndex party : pack.named) named.insert("'" + plan.parties[party].name + "'");
  return fmt::format("{} (SHA-256 {}…){}", pack.reference(), to_hex(pack.hash.view()).substr(0, 8),
                     named.empty() ? "" : fmt::format(", for {}", fmt::join(named, ", ")));
}

/// A law that stands no more opens what it closed. Of another text of it nobody can say here which of the two is
/// stricter.
void compare_packs(const Plan& before, const Plan& after, std::vector<Change>& out) {
  for (const AdoptedPack& pack : after.packs) {
    const auto old = std::ranges::find(before.packs, pack.name, &AdoptedPack::name);
    if (old == before.packs.end()) {
      out.push_back(term(Kind::tightens, fmt::format("a new rule pack binds: {}, {}", text_of(after, pack), pack.title),
                         pack.line, 0));
    } else if (old->hash != pack.hash || text_of(before, *old) != text_of(after, pack)) {
      out.push_back(
          unbound(Kind::alters,
                  fmt::format("another rule pack binds: {}; before: {}", text_of(after, pack), text_of(before, *old)),
                  pack.line, old->line));
    }
  }
  for (const AdoptedPack& pack : before.packs) {
    if (std::ranges::find(after.packs, pack.name, &AdoptedPack::name) != after.packs.end()) continue;
    out.push_back(unbound(
        Kind::loosens, fmt::format("this rule pack is gone: {}, {}", text_of(before, pack), pack.title), 0, pack.line));
  }
}

std::set<std::string> depositors_of(const Plan& plan, const Collection& collection) {
  std::set<std::string> out;
  for (const PartyIndex party : collection.depositors) out.insert(plan.parties[party].name);
  return out;
}

/// A field that is called otherwise leaves the rules about what it was called. One of another type leaves behind what
/// is stored of it (disclosure/form.h).
void compare_fields(const Collection& old, const Collection& collection, std::vector<Change>& out) {
  for (const Field& field : collection.fields) {
    const auto was = std::ranges::find(old.fields, field.name, &Field::name);
    if (was == old.fields.end()) continue;
    const std::string name = collection.name + "." + field.name;
    if (was->category != field.category) {
      out.push_back(unbound(Kind::alters, fmt::format("{} is of {}; before: {}", name, field.category, was->category),
                            field.line, was->line));
    }
    if (was->type != field.type) {
      out.push_back(term(Kind::alters,
                         fmt::format("{} is {}; before: {}. What is stored of it cannot be read as {}: flows that give "
                                     "it will fail (disclosure.value.stored)",
                                     name, to_string(field.type), to_string(was->type), to_string(field.type)),
                         field.line, was->line));
    }
  }
}

std::string shape_text(const Collection& collection) {
  return collection.key ? fmt::format("many records a subject, told apart by '{}'", *collection.key)
                        : "one record a subject";
}

void compare_collections(const Plan& before, const Plan& after, std::vector<Change>& out) {
  for (const Collection& collection : after.collections) {
    const auto index = before.find_collection(collection.name);
    if (!index) continue;
    const Collection& old = before.collections[*index];
    compare_fields(old, collection, out);
    if (collection.key != old.key) {
      out.push_back(
          term(Kind::alters,
               fmt::format("'{}' holds {}; before: {}", collection.name, shape_text(collection), shape_text(old)),
               collection.line, old.line));
    }
    if (collection.keep != old.keep) {
      out.push_back(term(collection.keep > old.keep ? Kind::loosens : Kind::tightens,
                         fmt::format("'{}' is kept {} hours; before: {}", collection.name,
                                     collection.keep.count() / 3600, old.keep.count() / 3600),
                         collection.line, old.line));
    }
    const auto was = depositors_of(before, old), now = depositors_of(after, collection);
    if (was != now) {
      out.push_back(term(std::ranges::includes(was, now) ? Kind::tightens : Kind::loosens,
                         fmt::format("'{}' takes deposits from {}; before: {}", collection.name, fmt::join(now, ", "),
                                     fmt::join(was, ", ")),
                         collection.line, old.line));
    }
  }
}

/// By whom a change, a module, an emergency and a suspension are signed, and what else these take.
void compare_change_rules(const Plan& before, const Plan& after, std::vector<Change>& out) {
  const std::vector<ChangeRule> was = change_rules(before), now = change_rules(after);
  for (const ChangeRule& rule : now) {
    const auto old = std::ranges::find(was, rule.name, &ChangeRule::name);
    const std::string had = old == was.end() ? "nobody could bring it about" : old->needs();
    if (had == rule.needs()) continue;
    out.push_back(
        term(Kind::signs, fmt::format("{} must be signed by {}; before: {}", rule.what, rule.needs(), had), 0, 0));
  }
  for (const ChangeRule& rule : was) {
    if (std::ranges::find(now, rule.name, &ChangeRule::name) != now.end()) continue;
    out.push_back(term(
        Kind::signs,
        fmt::format("nobody can bring about {} any more; before: it must be signed by {}", rule.what, rule.needs()), 0,
        0));
  }
}

void compare_signers(const Plan& before, const Plan& after, std::vector<Change>& out) {
  compare_change_rules(before, after, out);
  for (const Party& party : after.parties) {
    const auto index = before.find_party(party.name);
    if (!index) {
      if (party.key && party.role != Role::recipient) {
        out.push_back(term(Kind::signs,
                           fmt::format("'{}' is new, and may sign as {}", party.name, to_string(party.role)),
                           party.line, 0));
      }
      continue;
    }
    const Party& old = before.parties[*index];
    if (old.role != party.role) {
      out.push_back(term(Kind::signs,
                         fmt::format("'{}' is {}; before: {}", party.name, to_string(party.role), to_string(old.role)),
                         party.line, old.line));
    }
    if (old.key.has_value() != party.key.has_value() || (party.key && !(*old.key == *party.key))) {
      out.push_back(term(Kind::signs,
                         party.key ? fmt::format("'{}' signs with another key: {}", party.name, party.key->text())
                                   : fmt::format("'{}' has no key any more", party.name),
                         party.line, old.line));
    }
  }
  for (const Party& party : before.parties) {
    if (party.role != Role::recipient && party.key && !after.find_party(party.name)) {
      out.push_back(term(Kind::signs,
                         fmt::format("'{}', the {}, takes no part any more", party.name, to_string(party.role)), 0,
                         party.line));
    }
  }
  const bool log = before.log.has_value() != after.log.has_value() || (after.log && !(*after.log == *before.log));
  if (log) {
    out.push_back(term(Kind::signs,
                       after.log ? "the evidence log's key is another" : "no key of the log is pinned any more", 0, 0));
  }
}

}  // namespace

void compare_terms(const Plan& before, const Plan& after, std::vector<Change>& out) {
  if (before.subjects_country != after.subjects_country) {
    out.push_back(unbound(
        Kind::alters,
        fmt::format("the subjects are in {}; before: {}", after.subjects_country, before.subjects_country), 0, 0));
  }
  compare_prohibitions(before, after, out);
  compare_packs(before, after, out);
  compare_collections(before, after, out);
  compare_signers(before, after, out);
}

}  // namespace holdfast::analysis
