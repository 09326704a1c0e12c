#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "agreement/agreement.h"
#include "agreement/form.h"
#include "agreement/taxonomy.h"
#include "analysis/answers.h"

namespace holdfast::analysis {
namespace {

using namespace agreement;

/// The prohibitions that would stand against it: about this category, and about one of those asked about.
std::vector<const Prohibition*> against(const Asked& asked, const Plan& plan, const Spread& spread) {
  std::vector<const Prohibition*> out;
  const std::string& category = asked.question->category;
  for (const Prohibition& each : plan.prohibitions) {
    if (each.kind != Prohibition::Kind::never) continue;
    if (!covers(each.category, category) && !covers(category, each.category)) continue;
    const auto target = find_control(plan.parties, {each.countries, each.party, each.control_at});
    bool binds = asked.concern.party == std::nullopt &&
                 std::ranges::find_first_of(each.countries, asked.concern.countries) != each.countries.end();
    for (std::size_t i = 0; i < plan.parties.size() && !binds; ++i) {
      if (!asked.counts[i].counts()) continue;
      binds = std::ranges::any_of(spread.from(static_cast<PartyIndex>(i)),
                                  [&](PartyIndex party) { return target[party].counts(); });
    }
    if (binds) out.push_back(&each);
  }
  return out;
}

/// The most revealing forms at or below a level that the fields concerned can take.
std::string nearest_form(const Asked& asked, const Plan& plan, Level allowed) {
  if (allowed < Level::generalised) return std::string(to_string(allowed));
  std::set<std::string> forms;
  for (const Collection& collection : plan.collections) {
    for (const Field& field : collection.fields) {
      if (!covers(asked.question->category, field.category) && !covers(field.category, asked.question->category))
        continue;
      if (fits(Form{Form::Kind::month}, field.type)) forms.insert("month");
      if (fits(Form{Form::Kind::first, 3}, field.type)) forms.insert("first N");
      if (fits(Form{Form::Kind::range, 10}, field.type)) forms.insert("range of N");
    }
  }
  return forms.empty() ? "token" : fmt::format("generalised, such as {}", fmt::join(forms, " or "));
}

bool is_held(const Asked& asked, const Plan& plan) {
  return std::ranges::any_of(plan.collections, [&](const Collection& collection) {
    return std::ranges::any_of(collection.fields, [&](const Field& field) {
      return covers(asked.question->category, field.category) || covers(field.category, asked.question->category);
    });
  });
}

}  // namespace

Answer answer_why_not(const Asked& asked, const Reach& reach, Answer out) {
  const Plan& plan = *reach.plan;
  const std::string signers = describe(plan, plan.change_agreement);
  if (!is_held(asked, plan)) {
    out.sentence += fmt::format(" No collection has a field of {}.", asked.question->category);
    return out;
  }
  const Level wanted = asked.level.value_or(Level::aggregate);
  std::optional<Level> allowed;
  for (const Prohibition* rule : against(asked, plan, reach.spread)) {
    if (rule->allowed >= wanted && (asked.level || rule->allowed >= Level::clear)) continue;
    allowed = std::min(allowed.value_or(rule->allowed), rule->allowed);
    out.path.push_back(
        {rule->line, fmt::format("the prohibition of {} {} {}", rule->category,
                                 rule->party ? "to '" + plan.parties[*rule->party].name + "'"
                                             : fmt::format("to {}", fmt::join(rule->countries, ", ")),
                                 rule->allowed == Level::nothing
                                     ? "forbids it in every form"
                                     : fmt::format("allows no more than {}", to_string(rule->allowed)))});
  }
  if (!allowed) {
    out.sentence += fmt::format(
        " No rule forbids it: no flow gives it, and what is not declared does not happen; a flow that gives it needs "
        "{}.",
        signers);
  } else if (*allowed == Level::nothing) {
    out.sentence += fmt::format(
        " A prohibition (line {}) forbids every form, so no form would be allowed unless {} "
        "change it.",
        out.path.back().line, signers);
  } else {
    out.sentence += fmt::format(
        " A prohibition forbids it; the nearest form that would be allowed is {}, in a flow "
        "signed by {}.",
        nearest_form(asked, plan, *allowed), signers);
  }
  return out;
}

}  // namespace holdfast::analysis
