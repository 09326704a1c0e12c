#include <fmt/format.h>

#include <algorithm>

#include "agreement/spelling.h"
#include "agreement/terms.h"

namespace holdfast::agreement {
namespace {

constexpr std::string_view kAny = "any ";
constexpr std::string_view kExpected = "'any N', or roles and parties such as [operator, trustee, overseer]";

bool can_sign(const Party& party) { return party.role != Role::recipient && party.key.has_value(); }

/// A role and a name may mean the same party.
void add_once(std::vector<PartyIndex>& parties, PartyIndex party) {
  if (std::ranges::find(parties, party) == parties.end()) parties.push_back(party);
}

/// The parties that a role or a name means.
std::vector<PartyIndex> parties_meant(const Node& node, Draft& draft) {
  std::vector<PartyIndex> out;
  if (const auto role = parse_role(node.text)) {
    for (std::size_t i = 0; i < draft.plan.parties.size(); ++i) {
      if (draft.plan.parties[i].role == *role) out.push_back(static_cast<PartyIndex>(i));
    }
    if (out.empty() && draft.parties.readable) {
      draft.findings.add("agreement.quorum.unreachable", node.at,
                         fmt::format("no party has the role {}, so nobody could meet this", node.text));
    }
    return out;
  }
  const auto party = resolve(node.text, node.at, draft.parties, "agreement.party.unknown",
                             "is neither a party of this agreement nor a role", draft.findings);
  if (party) out.push_back(*party);
  return out;
}

std::optional<std::uint32_t> read_any(const Node& node, Draft& draft) {
  const auto count = parse_count(std::string_view(node.text).substr(kAny.size()));
  const auto able =
      static_cast<std::size_t>(std::count_if(draft.plan.parties.begin(), draft.plan.parties.end(), can_sign));
  if (!count) {
    add_expected("agreement.number.malformed", node, kExpected, draft.findings);
    return std::nullopt;
  }
  if (*count > able) {
    draft.findings.add("agreement.quorum.unreachable", node.at,
                       fmt::format("only {} parties can sign (operator, trustee and overseer, with keys), so {} is "
                                   "out of reach",
                                   able, quoted(node.text)));
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(*count);
}

/// Nothing after a finding.
std::optional<Quorum> read_signed_by(const Node& node, Draft& draft) {
  Quorum quorum;
  bool good = true;
  if (node.kind == Node::Kind::scalar && node.text.starts_with(kAny)) {
    const auto any = read_any(node, draft);
    if (!any) return std::nullopt;
    quorum.any = *any;
    return quorum;
  }
  each_text(node, kExpected, true, draft.findings, [&](const Node& item) {
    const auto meant = parties_meant(item, draft);
    good = good && !meant.empty();
    for (const PartyIndex party : meant) {
      const Party& who = draft.plan.parties[party];
      good = good && who.key.has_value();
      if (!who.key && who.role == Role::recipient) {  // of the others a missing key is reported where it is missing
        draft.findings.add("agreement.quorum.unreachable", item.at,
                           fmt::format("'{}' has no key, so it cannot sign", who.name));
      }
      add_once(quorum.all, party);
    }
  });
  std::ranges::sort(quorum.all);
  return good && !quorum.all.empty() ? std::optional(quorum) : std::nullopt;
}

std::optional<Quorum> required_quorum(const Terms& terms, Draft& draft) {
  const Node* node = terms.required("signed-by", kExpected);
  return node ? read_signed_by(*node, draft) : std::nullopt;
}

void read_agreement_change(const Node& node, Draft& draft) {
  const Terms terms(node, "a change", {"signed-by"}, draft.findings);
  const auto quorum = required_quorum(terms, draft);
  if (!quorum) return;
  draft.plan.change_agreement = *quorum;
  if (quorum->all.size() + quorum->any < 2) {
    draft.findings.add("agreement.quorum.alone", terms.optional("signed-by")->at,
                       "one party alone could rewrite the agreement; expected at least two signers");
  }
}

void read_emergency(const Node& node, Draft& draft) {
  const Terms terms(node, "an emergency", {"signed-by", "for-at-most"}, draft.findings);
  draft.plan.change_emergency = required_quorum(terms, draft);
  const Node* longest = terms.required("for-at-most", "how long, such as 4h");
  const std::string* text = longest ? text_of(*longest, "a duration such as 4h", draft.findings) : nullptr;
  const auto at_most = text ? parse_duration(*text) : std::nullopt;
  if (at_most) draft.plan.emergency_at_most = *at_most;
  if (text && !at_most) {
    add_expected("agreement.duration.malformed", *longest, "a duration such as 4h or 2d", draft.findings);
  }
}

void read_module_change(const Node& node, Draft& draft) {
  const Terms terms(node, "a change of module", {"signed-by", "seen-by"}, draft.findings);
  draft.plan.change_module = required_quorum(terms, draft);
  if (const Node* seen_by = terms.optional("seen-by")) {
    each_text(*seen_by, "roles and parties", true, draft.findings, [&](const Node& item) {
      for (const PartyIndex party : parties_meant(item, draft)) add_once(draft.plan.module_seen_by, party);
    });
    std::ranges::sort(draft.plan.module_seen_by);
  }
}

}  // namespace

void read_changes(const Node& node, Draft& draft) {
  const Terms terms(node, "changes", {"agreement", "module", "emergency", "suspend"}, draft.findings);
  if (const Node* change = terms.required("agreement", "{signed-by: …}")) read_agreement_change(*change, draft);
  if (const Node* module = terms.optional("module")) read_module_change(*module, draft);
  if (const Node* emergency = terms.optional("emergency")) read_emergency(*emergency, draft);
  if (const Node* suspend = terms.optional("suspend")) {
    const Terms inner(*suspend, "a suspension", {"signed-by"}, draft.findings);
    draft.plan.change_suspend = required_quorum(inner, draft);
  }
}

}  // namespace holdfast::agreement
