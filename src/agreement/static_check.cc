#include <fmt/format.h>

#include <algorithm>

#include "agreement/draft.h"

namespace holdfast::agreement {
namespace {

/// A field of a broader category than the prohibited one may hold what is prohibited, so it counts as holding it.
bool concerns(const Prohibition& prohibition, const std::string& category) {
  return covers(prohibition.category, category) || covers(category, prohibition.category);
}

bool reaches(const Prohibition& prohibition, PartyIndex to, const Plan& plan) {
  if (!prohibition.party) return std::ranges::binary_search(plan.parties[to].countries, prohibition.country);
  // Whoever operates the recipient sees what it receives.
  std::optional<PartyIndex> next = to;
  for (std::size_t steps = 0; next && steps <= plan.parties.size(); ++steps) {
    if (*next == *prohibition.party) return true;
    next = plan.parties[*next].operated_by;
  }
  return false;
}

std::string most_allowed(Level allowed) {
  if (allowed == Level::nothing) return "forbids it in every form";
  return fmt::format("allows no more than {}", to_string(allowed));
}

void add_broken(const Prohibition& prohibition, const Outlet& outlet, Draft& draft) {
  const Plan& plan = draft.plan;
  const Flow& flow = plan.flows[outlet.flow];
  const Party& to = plan.parties[flow.to];
  const Field& field = plan.collections[outlet.collection].fields[outlet.field];
  const bool broader = !covers(prohibition.category, field.category);
  const std::string target =
      prohibition.party ? "party '" + plan.parties[*prohibition.party].name + "'" : prohibition.country;
  draft.findings.add(
      "agreement.prohibition.broken", outlet.at,
      fmt::format("{} can reach {}: flow '{}' (line {}) {} ({}), to '{}' (line {}: {}); the prohibition of '{}' on "
                  "line {} {}{}",
                  field.category, target, flow.name, flow.line, outlet.how, to_string(outlet.level), to.name, to.line,
                  fmt::join(to.countries, ", "), prohibition.category, prohibition.at.line,
                  most_allowed(prohibition.allowed),
                  broader ? fmt::format("; the field's category is the broader '{}', so give it a narrower one if "
                                        "'{}' is not in it",
                                        field.category, prohibition.category)
                          : ""));
}

/// One Limit over all the flows together. An aggregate names no subject, so there is none to count.
void apply_bulk(const Prohibition& prohibition, Draft& draft) {
  Plan& plan = draft.plan;
  const auto limit = static_cast<LimitIndex>(plan.limits.size());
  bool used = false;
  for (const Outlet& outlet : draft.outlets) {
    Flow& flow = plan.flows[outlet.flow];
    const Field& field = plan.collections[outlet.collection].fields[outlet.field];
    if (outlet.level < Level::token || !concerns(prohibition, field.category)) continue;
    if (!reaches(prohibition, flow.to, plan)) continue;
    used = true;
    if (flow.limits.empty() || flow.limits.back() != limit) flow.limits.push_back(limit);
  }
  if (used) plan.limits.push_back(*prohibition.limit);
}

/// The first field of `plan` that `prohibition` is about.
const Field* find_concerned(const Prohibition& prohibition, const Plan& plan) {
  for (const Collection& collection : plan.collections) {
    for (const Field& field : collection.fields) {
      if (concerns(prohibition, field.category)) return &field;
    }
  }
  return nullptr;
}

/// Whoever passes on subjects' requests sees their exports: every field, in the clear, without a limit.
void hold_against_exports(const Prohibition& prohibition, Draft& draft) {
  const Plan& plan = draft.plan;
  if (prohibition.kind == Prohibition::Kind::never && prohibition.allowed >= Level::clear) return;
  const Field* field = find_concerned(prohibition, plan);
  if (field == nullptr) return;
  for (std::size_t i = 0; i < plan.served_by.size(); ++i) {
    if (!reaches(prohibition, plan.served_by[i], plan)) continue;
    const Party& to = plan.parties[plan.served_by[i]];
    draft.findings.add(
        "agreement.prohibition.broken", draft.served_by_at[i],
        fmt::format("{} can reach {}: subjects are served by '{}' (line {}: {}), which passes on their exports, every "
                    "field in the clear and without a limit; the prohibition of '{}' is on line {}",
                    field->category,
                    prohibition.party ? "party '" + plan.parties[*prohibition.party].name + "'" : prohibition.country,
                    to.name, to.line, fmt::join(to.countries, ", "), prohibition.category, prohibition.at.line));
  }
}

}  // namespace

void apply_prohibitions(Draft& draft) {
  for (const Prohibition& prohibition : draft.prohibitions) {
    hold_against_exports(prohibition, draft);
    if (prohibition.kind == Prohibition::Kind::bulk) {
      apply_bulk(prohibition, draft);
      continue;
    }
    for (const Outlet& outlet : draft.outlets) {
      const Field& field = draft.plan.collections[outlet.collection].fields[outlet.field];
      if (outlet.level <= prohibition.allowed || !concerns(prohibition, field.category)) continue;
      if (reaches(prohibition, draft.plan.flows[outlet.flow].to, draft.plan)) add_broken(prohibition, outlet, draft);
    }
  }
}

}  // namespace holdfast::agreement
