#include <fmt/format.h>

#include <algorithm>

#include "agreement/control.h"
#include "agreement/draft.h"
#include "agreement/spread.h"

namespace holdfast::agreement {
namespace {

/// A field of a broader category than the prohibited one may hold what is prohibited, so it counts as holding it.
bool concerns(const Prohibition& prohibition, const std::string& category) {
  return covers(prohibition.category, category) || covers(category, prohibition.category);
}

/// Whom a prohibition is about, looked up once for all outlets.
class Target {
 public:
  Target(const Prohibition& prohibition, const Plan& plan)
      : concern_{prohibition.countries, prohibition.party, prohibition.control_at},
        controls_(find_control(plan.parties, concern_)) {}

  /// The nearest of the target that what `to` gets comes to; whoever operates, owns or is shared with included.
  std::optional<PartyIndex> nearest(PartyIndex to, const Spread& spread) const {
    for (const PartyIndex party : spread.from(to)) {
      if (controls_[party].counts()) return party;
    }
    return std::nullopt;
  }
  std::string name(const Plan& plan) const {
    if (concern_.party) return "party '" + plan.parties[*concern_.party].name + "'";
    return fmt::format("{}", fmt::join(concern_.countries, ", "));
  }
  /// What makes it come there, behind a semicolon: "; 'desk' may pass it on to 'maker'; 'maker' is in CN (line 7)".
  /// Empty when nothing needs to be said.
  std::string way(PartyIndex to, PartyIndex nearest, const Plan& plan, const Spread& spread) const {
    std::string out;
    for (const Step& step : spread.path(to, nearest)) out += "; " + describe(plan.parties, step);
    const Control::Why why = controls_[nearest].why;
    // Where the recipient is stands beside its name already.
    if (why == Control::Why::itself || (nearest == to && why == Control::Why::located)) return out;
    return out + "; " + explain_control(plan.parties, concern_, controls_, nearest);
  }

 private:
  Concern concern_;
  std::vector<Control> controls_;
};

/// "'desk' (line 9: US)".
std::string place_of(const Party& party) {
  return fmt::format("'{}' (line {}: {})", party.name, party.line, fmt::join(party.countries, ", "));
}

std::string most_allowed(Level allowed) {
  if (allowed == Level::nothing) return "forbids it in every form";
  return fmt::format("allows no more than {}", to_string(allowed));
}

void add_broken(const Prohibition& prohibition, const Target& target, PartyIndex nearest, const Spread& spread,
                const Outlet& outlet, Draft& draft) {
  const Plan& plan = draft.plan;
  const Flow& flow = plan.flows[outlet.flow];
  const Field& field = plan.collections[outlet.collection].fields[outlet.field];
  const bool broader = !covers(prohibition.category, field.category);
  draft.findings.add(
      "agreement.prohibition.broken", outlet.at,
      fmt::format("{} can reach {}: flow '{}' (line {}) {} ({}), to {}; the prohibition of '{}' on line {} {}{}{}",
                  field.category, target.name(plan), flow.name, flow.line, outlet.how, to_string(outlet.level),
                  place_of(plan.parties[flow.to]), prohibition.category, prohibition.line,
                  most_allowed(prohibition.allowed), target.way(flow.to, nearest, plan, spread),
                  broader ? fmt::format("; the field's category is the broader '{}', so give it a narrower one if "
                                        "'{}' is not in it",
                                        field.category, prohibition.category)
                          : ""));
}

void add_uncounted(const Prohibition& prohibition, const Target& target, PartyIndex nearest, const Spread& spread,
                   const Outlet& outlet, Draft& draft) {
  const Plan& plan = draft.plan;
  const Flow& flow = plan.flows[outlet.flow];
  draft.findings.add(
      "agreement.prohibition.broken", outlet.at,
      fmt::format(
          "{} of any number of subjects can reach {}: flow '{}' (line {}) {}, to {}; the prohibition of '{}' on "
          "line {} allows {}, and what comes by a product cannot be counted{}",
          plan.collections[outlet.collection].fields[outlet.field].category, target.name(plan), flow.name, flow.line,
          outlet.how, place_of(plan.parties[flow.to]), prohibition.category, prohibition.line, prohibition.limit->text,
          target.way(flow.to, nearest, plan, spread)));
}

/// One Limit over all the flows together. An aggregate names no subject, so there is none to count; a product is of all
/// subjects, so there is no counting them.
void apply_bulk(const Prohibition& prohibition, const Target& target, const Spread& spread, Draft& draft) {
  Plan& plan = draft.plan;
  const auto limit = static_cast<LimitIndex>(plan.limits.size());
  bool used = false;
  for (const Outlet& outlet : draft.outlets) {
    Flow& flow = plan.flows[outlet.flow];
    const Field& field = plan.collections[outlet.collection].fields[outlet.field];
    if (outlet.level < Level::token || !concerns(prohibition, field.category)) continue;
    const auto nearest = target.nearest(flow.to, spread);
    if (!nearest) continue;
    if (outlet.of_all) {
      add_uncounted(prohibition, target, *nearest, spread, outlet, draft);
      continue;
    }
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
void hold_against_exports(const Prohibition& prohibition, const Target& target, const Spread& spread, Draft& draft) {
  const Plan& plan = draft.plan;
  const Field* field = find_concerned(prohibition, plan);
  if (field == nullptr) return;
  for (std::size_t i = 0; i < plan.served_by.size(); ++i) {
    const auto nearest = target.nearest(plan.served_by[i], spread);
    if (!nearest) continue;
    draft.findings.add(
        "agreement.prohibition.broken", draft.served_by_at[i],
        fmt::format("{} can reach {}: subjects are served by {}, which passes on their exports, every field in the "
                    "clear and without a limit; the prohibition of '{}' is on line {}{}",
                    field->category, target.name(plan), place_of(plan.parties[plan.served_by[i]]), prohibition.category,
                    prohibition.line, target.way(plan.served_by[i], *nearest, plan, spread)));
  }
}

/// A sealed module may write what it reads to its log, and overseers read that: in the clear, of any number of
/// subjects.
void hold_against_logs(const Prohibition& prohibition, const Target& target, const Spread& spread, Draft& draft) {
  const Plan& plan = draft.plan;
  for (std::size_t p = 0; p < plan.parties.size(); ++p) {
    const auto overseer = static_cast<PartyIndex>(p);
    if (plan.parties[p].role != Role::overseer) continue;
    const auto nearest = target.nearest(overseer, spread);
    if (!nearest) continue;
    for (std::size_t i = 0; i < plan.flows.size(); ++i) {
      const Flow& flow = plan.flows[i];
      if (flow.kind != Flow::Kind::run) continue;
      const auto all = plan.carried(static_cast<FlowIndex>(i));
      const auto found = std::ranges::find_if(all, [&](const Carried& carried) {
        return concerns(prohibition, plan.collections[carried.collection].fields[carried.field].category);
      });
      if (found == all.end()) continue;
      const Collection& collection = plan.collections[found->collection];
      draft.findings.add(
          "agreement.prohibition.broken", {found->line, 1},
          fmt::format("{} can reach {}: the module that flow '{}' (line {}) runs may write {}.{} to its log, which "
                      "the overseer {} reads; the prohibition of '{}' is on line {}{}",
                      collection.fields[found->field].category, target.name(plan), flow.name, flow.line,
                      collection.name, collection.fields[found->field].name, place_of(plan.parties[p]),
                      prohibition.category, prohibition.line, target.way(overseer, *nearest, plan, spread)));
    }
  }
}

}  // namespace

void apply_prohibitions(Draft& draft) {
  const Spread spread(draft.plan.parties);
  for (const Prohibition& prohibition : draft.plan.prohibitions) {
    const Target target(prohibition, draft.plan);
    // What leaves in the clear and uncounted breaks all but a prohibition that lets it leave in the clear.
    if (prohibition.kind == Prohibition::Kind::bulk || prohibition.allowed < Level::clear) {
      hold_against_exports(prohibition, target, spread, draft);
      hold_against_logs(prohibition, target, spread, draft);
    }
    if (prohibition.kind == Prohibition::Kind::bulk) {
      apply_bulk(prohibition, target, spread, draft);
      continue;
    }
    for (const Outlet& outlet : draft.outlets) {
      const Field& field = draft.plan.collections[outlet.collection].fields[outlet.field];
      if (outlet.level <= prohibition.allowed || !concerns(prohibition, field.category)) continue;
      const auto nearest = target.nearest(draft.plan.flows[outlet.flow].to, spread);
      if (nearest) add_broken(prohibition, target, *nearest, spread, outlet, draft);
    }
  }
}

}  // namespace holdfast::agreement
