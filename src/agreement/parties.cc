#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agreement/spelling.h"
#include "agreement/terms.h"

namespace holdfast::agreement {
namespace {

constexpr std::size_t kPartiesMax = 200;
/// Words that stand for something else wherever a party's name may stand.
constexpr std::array<std::string_view, 6> kReserved{"operator", "trustee", "overseer", "recipient", "subject", "any"};

/// The part of a verifier key that does not depend on its name: two parties with one key would be one signer.
std::string key_material(const VerifierKey& key) {
  const std::string text = key.text();
  return text.substr(text.find('+', text.find('+') + 1));
}

void read_key(const Node* node, const Terms& terms, Party& party, Draft& draft) {
  if (!node) {
    if (party.role != Role::recipient) {
      terms.required("key", fmt::format("the verifier key with which this {} signs", to_string(party.role)));
    }
    return;
  }
  const std::string* text = text_of(*node, "a verifier key: name+hash+base64", draft.findings);
  if (!text) return;
  auto key = VerifierKey::parse(*text);
  if (!key) {
    draft.findings.add("agreement.key.malformed", node->at, fmt::format("not a verifier key: {}", key.error().what));
    return;
  }
  for (const Party& other : draft.plan.parties) {
    if (!other.key || key_material(*other.key) != key_material(*key)) continue;
    draft.findings.add("agreement.key.repeated", node->at,
                       fmt::format("party '{}' has this key already; each party signs with its own", other.name));
  }
  party.key = *std::move(key);
}

void read_countries(const Node* node, std::vector<std::string>& out, Draft& draft) {
  if (!node) return;
  each_text(*node, "country codes", true, draft.findings, [&](const Node& item) {
    if (const std::string* country = country_of(item, draft)) out.push_back(*country);
  });
}

void read_party(const Node::Member& member, Draft& draft) {
  Findings& findings = draft.findings;
  Party party;
  party.name = member.key;
  party.line = member.at.line;
  if (std::find(kReserved.begin(), kReserved.end(), party.name) != kReserved.end()) {
    findings.add("agreement.name.reserved", member.at,
                 fmt::format("'{}' has a meaning of its own in this language; name the party otherwise", party.name));
  }
  const Terms terms(member.value, "a party",
                    {"role", "country", "key", "operated-by", "controlled-by", "viewed-from", "owners", "shares-with"},
                    findings);
  bool has_role = false;
  if (const Node* node = terms.required("role", "operator, trustee, overseer or recipient")) {
    if (const std::string* text = text_of(*node, "a role", findings)) {
      static constexpr std::array<std::string_view, 4> kRoles{"operator", "trustee", "overseer", "recipient"};
      const auto role = parse_role(*text);
      has_role = role.has_value();
      if (role) party.role = *role;
      if (!role) {
        findings.add_unknown("agreement.role.unknown", node->at, *text,
                             "is not a role; expected operator, trustee, overseer or recipient", kRoles);
      }
    }
  }
  if (const Node* node = terms.required("country", "where the party is: a code such as US")) {
    if (const std::string* country = country_of(*node, draft)) party.country = *country;
  }
  read_countries(terms.optional("controlled-by"), party.controlled_by, draft);
  read_countries(terms.optional("viewed-from"), party.viewed_from, draft);
  const Node* key = terms.optional("key");
  if (key || has_role) read_key(key, terms, party, draft);
  draft.plan.parties.push_back(std::move(party));
}

/// True if following operated-by from `start` comes back to it.
bool loops(const std::vector<Party>& parties, PartyIndex start) {
  auto next = parties[start].operated_by;
  for (std::size_t steps = 0; next && steps <= parties.size(); ++steps) {
    if (*next == start) return true;
    next = parties[*next].operated_by;
  }
  return false;
}

void read_operated_by(const Node& node, Draft& draft) {
  std::vector<std::pair<PartyIndex, const Node*>> given;
  for (const auto& member : node.members) {
    const auto party = draft.parties.find(member.key);
    const auto* operated = member.value.find("operated-by");
    if (!party || !operated) continue;
    draft.plan.parties[*party].operated_by = resolve_party(operated->value, draft);
    given.emplace_back(*party, &operated->value);
  }
  for (const auto& [party, at] : given) {
    if (!loops(draft.plan.parties, party)) continue;
    draft.findings.add("agreement.party.loop", at->at,
                       fmt::format("'{}' would be operated by itself in the end", draft.plan.parties[party].name));
    for (Party& each : draft.plan.parties) each.operated_by.reset();
    return;
  }
}

}  // namespace

void read_parties(const Node& node, Draft& draft) {
  draft.parties.readable = node.kind == Node::Kind::map;
  each_named(node, "party", kPartiesMax, draft.findings, [&](const Node::Member& member) {
    draft.parties.add(member.key);
    read_party(member, draft);
  });
  if (!draft.parties.readable) return;
  read_operated_by(node, draft);
  read_relations(node, draft);
  find_countries(draft.plan);
  const auto trustees = std::count_if(draft.plan.parties.begin(), draft.plan.parties.end(),
                                      [](const Party& p) { return p.role == Role::trustee; });
  if (trustees != 1) {
    draft.findings.add("agreement.party.trustee", node.at,
                       fmt::format("{} parties have the role trustee; expected one, who keeps the vault", trustees));
  }
}

void read_subjects(const Node& node, Draft& draft) {
  const Terms terms(node, "subjects", {"country", "served-by"}, draft.findings);
  if (const Node* country = terms.required("country", "where the subjects live: a code such as US")) {
    if (const std::string* text = country_of(*country, draft)) draft.plan.subjects_country = *text;
  }
  if (const Node* served_by = terms.optional("served-by")) {
    each_text(*served_by, "parties", false, draft.findings, [&](const Node& item) {
      if (const auto party = resolve_party(item, draft)) {
        draft.plan.served_by.push_back(*party);
        draft.served_by_at.push_back(item.at);
        draft.plan.served_by_lines.push_back(item.at.line);
      }
    });
  }
}

}  // namespace holdfast::agreement
