#include "analysis/asked.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "agreement/findings.h"
#include "agreement/form.h"
#include "agreement/spelling.h"
#include "agreement/taxonomy.h"
#include "base/near.h"

namespace holdfast::analysis {
namespace {

using namespace agreement;

tl::unexpected<Error> unknown(std::string_view slug, std::string_view word, std::string_view statement,
                              const std::vector<std::string_view>& known) {
  constexpr std::size_t kCompareBytesMax = 80;
  const std::string near = word.size() <= kCompareBytesMax ? did_you_mean(word, known) : "";
  return fail(Code::invalid, slug, "", fmt::format("{} {}{}", quoted(word), statement, near));
}

template <class Items>
std::vector<std::string_view> names_of(const Items& items) {
  std::vector<std::string_view> out;
  for (const auto& item : items) out.push_back(item.name);
  return out;
}

Result<void> look_up_who(const Plan& plan, Asked& out) {
  const std::string& who = out.question->who;
  if (const auto party = plan.find_party(who)) {
    out.who = "'" + who + "'";
    out.concern.party = *party;
    out.counts.resize(plan.parties.size());
    out.counts[*party].why = Control::Why::itself;
    return {};
  }
  if (!is_country(who)) {
    return unknown("analysis.party.unknown", who,
                   "is neither a party of this agreement nor a country (an ISO 3166-1 code such as US)",
                   names_of(plan.parties));
  }
  out.who = who;
  out.concern.countries = {who};
  out.counts = find_control(plan.parties, out.concern);
  return {};
}

Result<void> look_up_category(const Plan& plan, const std::string& category) {
  std::set<std::string_view> known;
  for (const Term& term : fideslang_categories()) known.insert(term.key);
  for (const Collection& collection : plan.collections) {
    for (const Field& field : collection.fields) known.insert(field.category);
  }
  if (known.contains(category)) return {};
  return unknown("analysis.category.unknown", category, "is not a category of Fideslang, nor of a field here",
                 {known.begin(), known.end()});
}

Result<void> look_up_form(const std::string& text, Asked& out) {
  if (text == "clear" || text == "token") out.form = parse_form(text);
  if (const auto level = parse_level(text)) {
    out.level = level;
    return {};
  }
  out.form = parse_form(text);
  if (out.form) out.level = level_of(*out.form);
  if (out.form && out.level != Level::nothing) return {};
  static constexpr std::string_view kForms[] = {
      "clear", "generalised", "token",       "aggregate",      "year",
      "month", "first 3",     "range of 10", "age band of 10", "place to 1 decimal"};
  return unknown("analysis.form.unknown", text,
                 "is not a form that reveals something; expected clear, generalised, token, aggregate, year, month, "
                 "first N, range of N, age band of N or place to N decimals",
                 {std::begin(kForms), std::end(kForms)});
}

}  // namespace

Result<Asked> look_up(const Question& question, const Reach& reach) {
  const Plan& plan = *reach.plan;
  Asked out;
  out.question = &question;
  if (!question.who.empty()) HF_CHECK(look_up_who(plan, out));
  if (!question.category.empty()) HF_CHECK(look_up_category(plan, question.category));
  if (!question.form.empty()) HF_CHECK(look_up_form(question.form, out));
  if (!question.flow.empty()) {
    out.flow = plan.find_flow(question.flow);
    if (!out.flow) {
      return unknown("analysis.flow.unknown", question.flow, "is not a flow of this agreement", names_of(plan.flows));
    }
  }
  return out;
}

bool concerns(const Asked& asked, const Reach& reach, const Source& source) {
  if (asked.flow && (source.kind == Source::Kind::exports || source.flow != *asked.flow)) return false;
  const std::string& wanted = asked.question->category;
  if (wanted.empty()) return true;
  const std::string& category = reach.plan->collections[source.collection].fields[source.field].category;
  return covers(wanted, category) || covers(category, wanted);
}

bool reveals(const Asked& asked, const Source& source) {
  if (!asked.level || source.level > *asked.level) return true;
  if (source.level < *asked.level) return false;
  if (!asked.form || source.form == *asked.form) return true;
  const Form &has = source.form, &wants = *asked.form;
  if (has.kind == Form::Kind::month && wants.kind == Form::Kind::year) return true;
  return has.kind == wants.kind && precision(has) >= precision(wants);
}

bool reveals_more(const Reach& reach, const Arrival& a, const Arrival& b) {
  return better_way(reach.sources, a.source, a.steps, b.source, b.steps);
}

std::optional<Arrival> best_arrival(const Asked& asked, const Reach& reach, bool any_form) {
  std::optional<Arrival> best;
  for (std::size_t i = 0; i < reach.sources.size(); ++i) {
    const Source& source = reach.sources[i];
    if (!concerns(asked, reach, source) || !(any_form || reveals(asked, source))) continue;
    const auto reached = reach.spread.from(source.to);
    const auto first = std::ranges::find_if(reached, [&](PartyIndex p) { return asked.counts[p].counts(); });
    if (first == reached.end()) continue;
    const Arrival arrival{static_cast<SourceIndex>(i), *first, *reach.spread.distance(source.to, *first)};
    if (!best || reveals_more(reach, arrival, *best)) best = arrival;
  }
  return best;
}

}  // namespace holdfast::analysis
