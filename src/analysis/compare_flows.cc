#include "analysis/compare_flows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "agreement/spelling.h"
#include "analysis/answers.h"
#include "analysis/danger.h"

namespace holdfast::analysis {
namespace {

using namespace agreement;
using Kind = Change::Kind;

std::string field_name(const Plan& plan, const Source& source) {
  const Collection& collection = plan.collections[source.collection];
  return collection.name + "." + collection.fields[source.field].name;
}

std::string_view category_of(const Plan& plan, const Source& source) {
  return plan.collections[source.collection].fields[source.field].category;
}

/// "profile.email as token", "what 'ranker' makes of visits.page", "sums of visits.page".
std::string what_leaves(const Plan& plan, const Source& source) {
  const std::string field = field_name(plan, source);
  if (source.kind == Source::Kind::run)
    return fmt::format("what '{}' makes of {}", plan.flows[source.flow].module, field);
  return source.kind == Source::Kind::aggregate ? "sums of " + field : field + " " + as_form(source);
}

std::string recipient(const Plan& plan, const Flow& flow) {
  const Party& party = plan.parties[flow.to];
  return fmt::format("{}'{}' ({})", flow.to_subject ? "each subject, via " : "", party.name,
                     fmt::join(party.countries, ", "));
}

/// What leaves by each flow: "profile.email" to its source.
using Outlets = std::map<std::string, const Source*>;
std::vector<Outlets> outlets_of(const Reach& reach) {
  std::vector<Outlets> out(reach.plan->flows.size());
  for (const Source& source : reach.sources) {
    // What the cells tell of those who read logs is all there is to it.
    if (source.is_released()) out[source.flow].emplace(field_name(*reach.plan, source), &source);
  }
  return out;
}

Level most_of(const Outlets& outlets) {
  Level most = Level::nothing;
  for (const auto& [field, source] : outlets) most = std::max(most, source->level);
  return most;
}

/// The cell of a category at a party for a use, all by name; null when there is none.
const Cell* find_cell(const Reach& reach, std::string_view party, std::string_view category, std::string_view use) {
  const auto index = reach.plan->find_party(party);
  if (!index) return nullptr;
  const auto cells = reach.of_party(*index);
  const auto found =
      std::lower_bound(cells.begin(), cells.end(), std::tie(category, use),
                       [](const Cell& cell, const auto& key) { return std::tie(cell.category, cell.use) < key; });
  return found != cells.end() && found->category == category && found->use == use ? &*found : nullptr;
}

/// Is `source`, of `reach`, the way of a cell that is another in `other`? Then the cells tell of it.
bool told_by_cell(const Reach& reach, const Source& source, const Reach& other) {
  const Plan& plan = *reach.plan;
  const std::string_view party = plan.parties[source.to].name, use = plan.flows[source.flow].use;
  const std::string_view category = category_of(plan, source);
  const Cell* here = find_cell(reach, party, category, use);
  const Cell* there = find_cell(other, party, category, use);
  if (!here || &reach.sources[here->source] != &source) return false;
  return !there || kind_between(other.sources[there->source], source);
}

/// A module may put out less than the value that it reads, so giving that is more.
std::optional<Kind> kind_of(const Source& was, const Source& now) {
  if (was.level != now.level || was.kind == now.kind) return kind_between(was, now);
  return now.kind == Source::Kind::run ? Kind::narrows : Kind::widens;
}

/// One field of one flow; `was` or `now` is null when it does not leave by it, and never both.
void compare_outlet(const Reach& before, const Source* was, const Reach& after, const Source* now,
                    std::vector<Change>& out) {
  const auto kind = !was ? Kind::opens : !now ? Kind::closes : kind_of(*was, *now);
  if (!kind) return;
  const bool renamed = was && now && category_of(*before.plan, *was) != category_of(*after.plan, *now);
  const bool told = is_opening(*kind) ? told_by_cell(after, *now, before) : told_by_cell(before, *was, after);
  if (told && !renamed) return;
  const Reach& reach = now ? after : before;
  const Source& source = now ? *now : *was;
  const Flow& flow = reach.plan->flows[source.flow];
  out.push_back({*kind, danger_of(*kind, source.level, *reach.plan, &reach.plan->parties[source.to]),
                 fmt::format("flow '{}' gives {} {}; before: {}", flow.name, recipient(*reach.plan, flow),
                             now ? what_leaves(*after.plan, *now) : "nothing of " + field_name(*before.plan, *was),
                             was ? what_leaves(*before.plan, *was) : "nothing of it"),
                 "", now ? now->line : 0, was ? was->line : 0});
}

void compare_outlets(const Reach& before, const Outlets& was, const Reach& after, const Outlets& now,
                     std::vector<Change>& out) {
  for (const auto& [field, source] : now) {
    const auto old = was.find(field);
    compare_outlet(before, old == was.end() ? nullptr : old->second, after, source, out);
  }
  for (const auto& [field, source] : was) {
    if (!now.contains(field)) compare_outlet(before, source, after, nullptr, out);
  }
}

/// To whom it goes and what for. A product goes nowhere.
void compare_recipient(const Plan& before, const Flow& old, const Plan& after, const Flow& flow, Level most,
                       std::vector<Change>& out) {
  if (flow.makes || old.makes) return;
  const bool same_party = before.parties[old.to].name == after.parties[flow.to].name && old.use == flow.use;
  if (same_party && old.to_subject == flow.to_subject) return;
  const Kind kind = same_party && flow.to_subject ? Kind::narrows : Kind::opens;
  out.push_back({kind, danger_of(kind, most, after, &after.parties[flow.to]),
                 fmt::format("flow '{}' goes to {}, for {}; before: to {}, for {}", flow.name, recipient(after, flow),
                             flow.use, recipient(before, old), old.use),
                 "", flow.line, old.line});
}

/// What a flow may give by its own limits: "subjects per day" to its number.
std::map<std::string, std::uint64_t> limits_of(const Plan& plan, const Flow& flow) {
  std::map<std::string, std::uint64_t> out;
  for (const LimitIndex index : flow.limits) {
    const Limit& limit = plan.limits[index];
    if (limit.rolling) continue;  // a prohibition's
    out[fmt::format("{} per {}", limit.counts == Limit::Counts::subjects ? "subjects" : "records",
                    to_string(limit.window))] = limit.amount;
  }
  if (flow.size_max_bytes) out["bytes per release"] = *flow.size_max_bytes;
  return out;
}

std::string product_text(const Flow& flow) {
  const std::string makes =
      flow.makes ? fmt::format("makes '{}', which stays in custody", *flow.makes) : "makes nothing";
  return flow.with ? fmt::format("{}, and runs with '{}'", makes, *flow.with) : makes;
}

/// "profile.email, views.video": of all subjects.
std::string reads_text(const Plan& plan, const Flow& flow) {
  std::set<std::string> fields;
  for (const Reads& reads : flow.reads) {
    for (const FieldIndex field : reads.fields)
      fields.insert(plan.collections[reads.collection].name + "." +
                    plan.collections[reads.collection].fields[field].name);
  }
  return fmt::format("{}", fmt::join(fields, ", "));
}

void compare_limits(const Plan& before, const Flow& old, const Plan& after, const Flow& flow,
                    std::vector<Change>& out) {
  const auto was = limits_of(before, old), now = limits_of(after, flow);
  for (const auto& [what, amount] : was) {
    const auto found = now.find(what);
    if (found == now.end()) {
      out.push_back(term(Kind::loosens, fmt::format("flow '{}' loses its limit of {} {}", flow.name, amount, what),
                         flow.line, old.line));
    } else if (found->second != amount) {
      out.push_back(term(found->second > amount ? Kind::loosens : Kind::tightens,
                         fmt::format("flow '{}' may give {} {}; before: {}", flow.name, found->second, what, amount),
                         flow.line, old.line));
    }
  }
  for (const auto& [what, amount] : now) {
    if (was.contains(what)) continue;
    out.push_back(term(Kind::tightens, fmt::format("flow '{}' gets a limit of {} {}", flow.name, amount, what),
                       flow.line, old.line));
  }
}

/// What a flow makes, and which module it runs.
void compare_makes(const Flow& old, const Flow& flow, std::vector<Change>& out) {
  if (flow.makes != old.makes || flow.with != old.with) {
    out.push_back(term(Kind::alters,
                       fmt::format("flow '{}' {}; before: it {}", flow.name, product_text(flow), product_text(old)),
                       flow.line, old.line));
  }
  if (flow.module != old.module && !flow.module.empty()) {
    out.push_back(term(Kind::alters,
                       fmt::format("flow '{}' runs '{}'; before: {}", flow.name, flow.module,
                                   old.module.empty() ? "no module" : "'" + old.module + "'"),
                       flow.line, old.line));
  }
}

/// Is all the same but the budget, and that smaller or for a longer time? Of everything else nobody can say here
/// whether less is told: of fewer groups or measures each gets more of the budget.
bool only_closes(const Aggregate& was, const Aggregate& now) {
  return was.sums == now.sums && was.contributions == now.contributions && now.per >= was.per &&
         now.epsilon_micro <= was.epsilon_micro && now.delta <= was.delta;
}

void compare_aggregates(const Plan& after, const Flow& old, const Flow& flow, std::vector<Change>& out) {
  if (!old.aggregate || !flow.aggregate || old.aggregate->text() == flow.aggregate->text()) return;
  const Kind kind = only_closes(*old.aggregate, *flow.aggregate) ? Kind::tightens : Kind::alters;
  const Party& party = after.parties[flow.to];
  out.push_back(
      {kind, kind == Kind::alters ? danger_of(kind, Level::aggregate, after, &party) : danger_of(kind),
       fmt::format("flow '{}' adds up {}; before: {}", flow.name, flow.aggregate->text(), old.aggregate->text()), "",
       flow.line, old.line});
}

/// A flow is a way of its own, with its own limits, also where all that it gives arrives already.
Change new_flow(const Plan& plan, const Flow& flow, const Outlets& outlets) {
  std::vector<std::string> leaves, limits;
  if (flow.aggregate) leaves.push_back("sums of " + flow.aggregate->text());
  for (const auto& [field, source] : outlets) {
    if (!flow.aggregate) leaves.push_back(what_leaves(plan, *source));
  }
  for (const auto& [what, amount] : limits_of(plan, flow)) limits.push_back(fmt::format("at most {} {}", amount, what));
  return {Kind::opens,
          danger_of(Kind::opens, most_of(outlets), plan, &plan.parties[flow.to]),
          fmt::format("a new flow, '{}', gives {} {}, for {}; {}", flow.name, recipient(plan, flow),
                      fmt::join(leaves, ", "), flow.use,
                      limits.empty() ? "no limit of its own" : fmt::format("{}", fmt::join(limits, ", "))),
          "",
          flow.line,
          0};
}

/// What is computed over all subjects, though nothing of it leaves yet.
void compare_products(const Plan& before, const Plan& after, std::vector<Change>& out) {
  for (const Flow& flow : after.flows) {
    if (!flow.makes) continue;
    const auto index = before.find_maker(*flow.makes);
    const std::string now = reads_text(after, flow);
    if (!index) {
      out.push_back(term(Kind::alters,
                         fmt::format("a new product, '{}', is made of {} of all subjects", *flow.makes, now), flow.line,
                         0));
    } else if (reads_text(before, before.flows[*index]) != now) {
      out.push_back(term(
          Kind::alters,
          fmt::format("'{}' is made of {}; before: {}", *flow.makes, now, reads_text(before, before.flows[*index])),
          flow.line, before.flows[*index].line));
    }
  }
  for (const Flow& flow : before.flows) {
    if (!flow.makes || after.find_maker(*flow.makes)) continue;
    out.push_back(term(Kind::tightens, fmt::format("'{}' is made no more", *flow.makes), 0, flow.line));
  }
}

}  // namespace

std::optional<Kind> kind_between(const Source& was, const Source& now) {
  if (was.level != now.level) return was.level < now.level ? Kind::widens : Kind::narrows;
  if (was.level != Level::generalised || was.form == now.form) return std::nullopt;
  const auto is_date = [](const Form& form) { return form.kind == Form::Kind::year || form.kind == Form::Kind::month; };
  if (was.form.kind != now.form.kind && !(is_date(was.form) && is_date(now.form))) return Kind::alters;
  return precision(was.form) < precision(now.form) ? Kind::widens : Kind::narrows;
}

void compare_flows(const Reach& before, const Reach& after, std::vector<Change>& out) {
  const Plan &was = *before.plan, &now = *after.plan;
  const auto old_outlets = outlets_of(before), outlets = outlets_of(after);
  for (std::size_t i = 0; i < now.flows.size(); ++i) {
    const Flow& flow = now.flows[i];
    const auto index = was.find_flow(flow.name);
    if (!index) {
      if (!outlets[i].empty()) out.push_back(new_flow(now, flow, outlets[i]));
      continue;
    }
    const Flow& old = was.flows[*index];
    compare_recipient(was, old, now, flow, most_of(outlets[i]), out);
    compare_outlets(before, old_outlets[*index], after, outlets[i], out);
    compare_limits(was, old, now, flow, out);
    compare_makes(old, flow, out);
    compare_aggregates(now, old, flow, out);
  }
  for (const Flow& flow : was.flows) {
    if (flow.makes || now.find_flow(flow.name)) continue;
    out.push_back(term(Kind::closes, fmt::format("flow '{}' is there no more", flow.name), 0, flow.line));
  }
  compare_products(was, now, out);
}

}  // namespace holdfast::analysis
