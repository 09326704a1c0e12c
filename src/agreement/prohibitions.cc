#include <fmt/format.h>

#include <algorithm>

#include "agreement/spelling.h"
#include "agreement/terms.h"

namespace holdfast::agreement {
namespace {

constexpr std::size_t kProhibitionsMax = 200;

bool read_target(const Node& node, Prohibition& prohibition, Draft& draft) {
  const Terms terms(node, "whom a prohibition is about", {"country", "party", "owned-from"}, draft.findings);
  const Node* country = terms.optional("country");
  const Node* party = terms.optional("party");
  if (terms.is_map() && (country != nullptr) == (party != nullptr)) {
    draft.findings.add("agreement.prohibition.target", node.at,
                       "a prohibition is about countries or one party: {country: CN}, {country: [CN, RU]} or "
                       "{party: name}");
    return false;
  }
  bool good = true;
  if (const Node* owned_from = terms.optional("owned-from")) {
    const auto share = share_of(*owned_from, draft.findings);
    if (share) prohibition.control_at = *share;
    good = share.has_value();
  }
  if (country) {
    each_text(*country, "country codes", true, draft.findings, [&](const Node& item) {
      if (const std::string* code = country_of(item, draft)) prohibition.countries.push_back(*code);
    });
    std::ranges::sort(prohibition.countries);
    return good && !prohibition.countries.empty();
  }
  if (party) prohibition.party = resolve_party(*party, draft);
  return good && prohibition.party.has_value();
}

bool read_unless(const Node& node, Prohibition& prohibition, Draft& draft) {
  const std::string* text = text_of(node, "generalised, token or aggregate", draft.findings);
  if (!text) return false;
  const auto level = parse_level(*text);
  if (level) prohibition.allowed = *level;
  if (!level) add_expected("agreement.prohibition.unless", node, "generalised, token or aggregate", draft.findings);
  return level.has_value();
}

bool read_at_most(const Node& node, Prohibition& prohibition, std::size_t number, Draft& draft) {
  const std::string* text = text_of(node, "a number such as '100000 subjects per 12 months'", draft.findings);
  if (!text) return false;
  prohibition.limit = parse_rolling_limit(*text);
  if (!prohibition.limit || prohibition.limit->counts != Limit::Counts::subjects) {
    prohibition.limit.reset();
    add_expected("agreement.limit.malformed", node, "a number such as '100000 subjects per 12 months'", draft.findings);
    return false;
  }
  prohibition.limit->name = fmt::format("bulk:{}", number);
  return true;
}

void read_prohibition(const Node& node, std::size_t& bulk_count, Draft& draft) {
  Findings& findings = draft.findings;
  Prohibition prohibition;
  prohibition.line = node.at.line;
  prohibition.column = node.at.column;
  const Terms terms(node, "a prohibition", {"never", "bulk", "to", "unless", "at-most"}, findings);
  if (!terms.is_map()) return;
  const Node* never = terms.optional("never");
  const Node* bulk = terms.optional("bulk");
  if ((never != nullptr) == (bulk != nullptr)) {
    findings.add("agreement.prohibition.kind", node.at,
                 "a prohibition has either 'never' or 'bulk': the category it is about");
    return;
  }
  const std::string* category = category_of(never ? *never : *bulk, draft);
  bool good = category != nullptr;
  const Node* to = terms.required("to", "whom it is about: {country: CN} or {party: name}");
  good = to && read_target(*to, prohibition, draft) && good;
  const std::string_view other = never ? "at-most" : "unless";
  if (const Node* misplaced = terms.optional(other)) {
    findings.add("agreement.prohibition.kind", misplaced->at,
                 fmt::format("'{}' belongs to a '{}' prohibition", other, never ? "bulk" : "never"));
    good = false;
  }
  if (never) {
    if (const Node* unless = terms.optional("unless")) good = read_unless(*unless, prohibition, draft) && good;
  } else {
    prohibition.kind = Prohibition::Kind::bulk;
    const Node* at_most = terms.required("at-most", "how many, such as '100000 subjects per 12 months'");
    good = at_most && read_at_most(*at_most, prohibition, ++bulk_count, draft) && good;
  }
  if (!good) return;
  prohibition.category = *category;
  draft.plan.prohibitions.push_back(std::move(prohibition));
}

}  // namespace

void read_prohibitions(const Node& node, Draft& draft) {
  if (node.kind != Node::Kind::list) {
    draft.findings.add("agreement.term.type", node.at, "expected a list of prohibitions, each {never: …} or {bulk: …}");
    return;
  }
  if (node.items.size() > kProhibitionsMax) {
    draft.findings.add("agreement.term.many", node.at,
                       fmt::format("{} prohibitions; at most {} may be declared", node.items.size(), kProhibitionsMax));
    return;
  }
  std::size_t bulk_count = 0;
  for (const Node& item : node.items) read_prohibition(item, bulk_count, draft);
}

}  // namespace holdfast::agreement
