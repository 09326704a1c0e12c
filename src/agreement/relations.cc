// What parties have to do with each other: who owns them, and with whom they share.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "agreement/control.h"
#include "agreement/terms.h"

namespace holdfast::agreement {
namespace {

constexpr std::size_t kOwnersMax = 200;

void read_owner(const Node& node, Party& party, Draft& draft) {
  Findings& findings = draft.findings;
  const Terms terms(node, "an owner", {"country", "party", "share"}, findings);
  if (!terms.is_map()) return;
  Owner owner;
  owner.line = node.at.line;
  const Node* country = terms.optional("country");
  const Node* by = terms.optional("party");
  bool good = true;
  if ((country != nullptr) == (by != nullptr)) {
    findings.add("agreement.owner.who", node.at,
                 "an owner is either a country (those who are there) or a party: {country: CN, share: 19.9 %} or "
                 "{party: name, share: 15 %}");
    return;
  }
  if (country) {
    const std::string* code = country_of(*country, draft);
    if (code) owner.country = *code;
    good = code != nullptr;
  }
  if (by) owner.party = resolve_party(*by, draft);
  if (by) good = owner.party.has_value();
  const Node* share = terms.required("share", "how much, such as 19.9 %");
  const auto ppm = share ? share_of(*share, findings) : std::nullopt;
  const bool repeated = good && std::ranges::any_of(party.owners, [&](const Owner& other) {
                          return other.party == owner.party && other.country == owner.country;
                        });
  if (repeated) {
    findings.add("agreement.owner.repeated", node.at,
                 fmt::format("{} is among the owners of '{}' already; write one share, the sum",
                             quoted(country ? country->text : by->text), party.name));
  }
  if (!good || !ppm || repeated) return;
  owner.share = *ppm;
  party.owners.push_back(std::move(owner));
}

void read_owners(const Node& node, Party& party, Draft& draft) {
  if (node.kind != Node::Kind::list) {
    draft.findings.add("agreement.term.type", node.at,
                       "expected a list of owners, each {country: CN, share: 19.9 %} or {party: name, share: 15 %}");
    return;
  }
  if (node.items.size() > kOwnersMax) {
    draft.findings.add("agreement.term.many", node.at,
                       fmt::format("{} owners; at most {} may be declared", node.items.size(), kOwnersMax));
    return;
  }
  for (const Node& item : node.items) read_owner(item, party, draft);
  SharePpm sum = 0;
  for (const Owner& owner : party.owners) sum += owner.share;
  if (sum > kShareWhole) {
    draft.findings.add(
        "agreement.owner.sum", node.at,
        fmt::format("the owners of '{}' hold {} together, which is more than the whole", party.name, share_text(sum)));
  }
}

void read_shares_with(const Node& node, PartyIndex index, Draft& draft) {
  each_text(node, "parties", true, draft.findings, [&](const Node& item) {
    const auto to = resolve_party(item, draft);
    if (!to) return;
    if (*to == index) {
      draft.findings.add("agreement.party.shares-with-itself", item.at,
                         fmt::format("'{}' needs no leave to share with itself", draft.plan.parties[index].name));
      return;
    }
    draft.plan.parties[index].shares_with.push_back(*to);
  });
}

/// Owning each other hides who controls whom: what is not said cannot be added up.
void refuse_circle(const Node& parties, Draft& draft) {
  const auto circle = find_ownership_circle(draft.plan.parties);
  if (circle.empty()) return;
  std::string way;
  for (const PartyIndex party : circle) way += fmt::format("'{}' is owned by ", draft.plan.parties[party].name);
  way += fmt::format("'{}'", draft.plan.parties[circle.front()].name);
  const auto* member = parties.find(draft.plan.parties[circle.front()].name);
  draft.findings.add("agreement.owner.circle", member->at,
                     fmt::format("ownership goes round in a circle: {}; leave out the shares in the circle and write "
                                 "the shares that their owners outside hold through it",
                                 way));
}

}  // namespace

void read_relations(const Node& node, Draft& draft) {
  for (const auto& member : node.members) {
    const auto index = draft.parties.find(member.key);
    if (!index) continue;
    if (const auto* owners = member.value.find("owners")) read_owners(owners->value, draft.plan.parties[*index], draft);
    if (const auto* shares = member.value.find("shares-with")) read_shares_with(shares->value, *index, draft);
  }
  refuse_circle(node, draft);
}

void find_countries(Plan& plan) {
  std::set<std::string> known;
  for (const Party& party : plan.parties) {
    if (!party.country.empty()) known.insert(party.country);
    known.insert(party.controlled_by.begin(), party.controlled_by.end());
    known.insert(party.viewed_from.begin(), party.viewed_from.end());
    for (const Owner& owner : party.owners) {
      if (!owner.party) known.insert(owner.country);
    }
  }
  for (const std::string& country : known) {
    const auto controls = find_control(plan.parties, {{country}, std::nullopt, kShareControl});
    for (std::size_t i = 0; i < plan.parties.size(); ++i) {
      if (controls[i].counts()) plan.parties[i].countries.push_back(country);
    }
  }
}

}  // namespace holdfast::agreement
