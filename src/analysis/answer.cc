#include "analysis/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "agreement/form.h"
#include "agreement/taxonomy.h"
#include "analysis/answers.h"
#include "analysis/asked.h"

namespace holdfast::analysis {

using namespace agreement;

std::string as_form(const Source& source) {
  return source.level == Level::clear ? "in the clear" : "as " + form_text(source);
}

std::string category_name(const Reach& reach, const Source& source) {
  return reach.plan->collections[source.collection].fields[source.field].category;
}

std::string way_name(const Reach& reach, const Source& source) {
  if (source.kind == Source::Kind::exports) return "the exports that it passes on";
  const agreement::Flow& flow = reach.plan->flows[source.flow];
  if (source.kind == Source::Kind::logs) return fmt::format("the log of the module of flow '{}'", flow.name);
  return fmt::format("flow '{}'", flow.name);
}

void add_path(const Asked& asked, const Reach& reach, const Arrival& arrival, std::vector<Ground>& out) {
  const Plan& plan = *reach.plan;
  const Source& source = reach.sources[arrival.source];
  out.push_back({source.line, describe_source(plan, source)});
  for (const Step& step : reach.spread.path(source.to, arrival.party))
    out.push_back({plan.parties[step.from].line, describe(plan.parties, step)});
  if (asked.concern.countries.empty()) return;
  out.push_back(
      {plan.parties[arrival.party].line, explain_control(plan.parties, asked.concern, asked.counts, arrival.party)});
}

namespace {

std::string asked_form(const Asked& asked) {
  if (!asked.level) return "";
  return *asked.level == Level::clear ? " in the clear" : " as " + asked.question->form;
}

std::string asked_flow(const Asked& asked) {
  return asked.flow ? fmt::format(" by flow '{}'", asked.question->flow) : "";
}

/// Data that does not come over the border: it went in through the party, or lies with it.
void add_notes(const Asked& asked, const Reach& reach, std::vector<std::string>& out) {
  const Plan& plan = *reach.plan;
  for (std::size_t i = 0; i < plan.parties.size(); ++i) {
    if (!asked.counts[i].counts()) continue;
    if (plan.parties[i].role == Role::trustee) {
      out.push_back(
          fmt::format("'{}' is the trustee and keeps the vault: what it may do with it is governed by its "
                      "keys and the evidence, not by flows",
                      plan.parties[i].name));
    }
    for (const Collection& collection : plan.collections) {
      if (std::ranges::find(collection.depositors, static_cast<PartyIndex>(i)) == collection.depositors.end()) continue;
      const auto held = std::ranges::find_if(collection.fields, [&](const Field& field) {
        return asked.question->category.empty() || covers(asked.question->category, field.category) ||
               covers(field.category, asked.question->category);
      });
      if (held == collection.fields.end()) continue;
      out.push_back(fmt::format("'{}' deposits {}.{} itself, so it has what it deposits before the border",
                                plan.parties[i].name, collection.name, held->name));
    }
  }
}

Answer answer_can(const Asked& asked, const Reach& reach) {
  Answer out;
  const std::string& category = asked.question->category;
  if (const auto best = best_arrival(asked, reach, false)) {
    const Source& source = reach.sources[best->source];
    const std::string found = category_name(reach, source);
    const bool broader = found != category && covers(found, category);
    out.yes = true;
    out.sentence = fmt::format(
        "Yes: {} can learn {} {}, by {}{}{}.", asked.who, found, as_form(source), way_name(reach, source),
        asked.concern.party == best->party ? "" : fmt::format(", through '{}'", reach.plan->parties[best->party].name),
        broader ? fmt::format("; that is broader than {} and may hold it", category) : "");
    add_path(asked, reach, *best, out.path);
  } else if (const auto less = best_arrival(asked, reach, true)) {
    const Source& source = reach.sources[less->source];
    out.sentence = fmt::format("No: {} cannot learn {}{}{}; the most that arrives is {} {}, by {}.", asked.who,
                               category, asked_form(asked), asked_flow(asked), category_name(reach, source),
                               as_form(source), way_name(reach, source));
    add_path(asked, reach, *less, out.path);
  } else {
    out.sentence =
        fmt::format("No: nothing of {} can reach {}{}, in any form.", category, asked.who, asked_flow(asked));
  }
  add_notes(asked, reach, out.notes);
  return out;
}

/// The best arrival at each party, of what was asked.
std::map<PartyIndex, Arrival> arrivals_by_party(const Asked& asked, const Reach& reach) {
  std::map<PartyIndex, Arrival> out;
  for (std::size_t i = 0; i < reach.sources.size(); ++i) {
    const Source& source = reach.sources[i];
    if (!concerns(asked, reach, source) || !reveals(asked, source)) continue;
    for (const PartyIndex party : reach.spread.from(source.to)) {
      const Arrival arrival{static_cast<SourceIndex>(i), party, *reach.spread.distance(source.to, party)};
      const auto [at, fresh] = out.try_emplace(party, arrival);
      if (!fresh && reveals_more(reach, arrival, at->second)) at->second = arrival;
    }
  }
  return out;
}

Answer answer_who(const Asked& asked, const Reach& reach) {
  Answer out;
  const Plan& plan = *reach.plan;
  std::vector<Arrival> found;
  for (const auto& [party, arrival] : arrivals_by_party(asked, reach)) found.push_back(arrival);
  std::ranges::stable_sort(found, [&](const Arrival& a, const Arrival& b) { return reveals_more(reach, a, b); });
  std::string list;
  for (const Arrival& arrival : found) {
    const Party& party = plan.parties[arrival.party];
    const Source& source = reach.sources[arrival.source];
    list += fmt::format("{}'{}' ({}) {}", list.empty() ? "" : ", ", party.name, fmt::join(party.countries, ", "),
                        as_form(source));
    std::string path = describe_source(plan, source);
    for (const Step& step : reach.spread.path(source.to, arrival.party)) path += "; " + describe(plan.parties, step);
    out.path.push_back({source.line, std::move(path)});
  }
  out.yes = !found.empty();
  out.sentence = found.empty() ? fmt::format("Nobody can learn {}{}{}.", asked.question->category, asked_form(asked),
                                             asked_flow(asked))
                               : fmt::format("{} can learn {}{}{}: {}.",
                                             found.size() == 1 ? "One party" : fmt::format("{} parties", found.size()),
                                             asked.question->category, asked_form(asked), asked_flow(asked), list);
  return out;
}

Answer answer_what(const Asked& asked, const Reach& reach) {
  Answer out;
  std::map<std::string, Arrival> best;
  for (std::size_t i = 0; i < reach.sources.size(); ++i) {
    const Source& source = reach.sources[i];
    if (!concerns(asked, reach, source)) continue;
    const auto reached = reach.spread.from(source.to);
    const auto first = std::ranges::find_if(reached, [&](PartyIndex p) { return asked.counts[p].counts(); });
    if (first == reached.end()) continue;
    const Arrival arrival{static_cast<SourceIndex>(i), *first, *reach.spread.distance(source.to, *first)};
    const auto [at, fresh] = best.try_emplace(category_name(reach, source), arrival);
    if (!fresh && reveals_more(reach, arrival, at->second)) at->second = arrival;
  }
  std::vector<Arrival> found;
  for (const auto& [category, arrival] : best) found.push_back(arrival);
  std::ranges::stable_sort(found, [&](const Arrival& a, const Arrival& b) {
    return reach.sources[a.source].level > reach.sources[b.source].level;
  });
  std::string list;
  for (const Arrival& arrival : found) {
    const Source& source = reach.sources[arrival.source];
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", category_name(reach, source), as_form(source));
    std::vector<Ground> path;
    add_path(asked, reach, arrival, path);
    for (Ground& ground : path) {  // that a party is in a country is said once
      const auto said = [&](const Ground& other) { return other.line == ground.line && other.text == ground.text; };
      if (std::ranges::none_of(out.path, said)) out.path.push_back(std::move(ground));
    }
  }
  out.yes = !found.empty();
  out.sentence = found.empty() ? fmt::format("{} can learn nothing{}.", asked.who, asked_flow(asked))
                               : fmt::format("{} can learn{} {}.", asked.who, asked_flow(asked), list);
  add_notes(asked, reach, out.notes);
  return out;
}

}  // namespace

Result<Answer> ask(const Reach& reach, std::string_view text) {
  HF_TRY(const Question question, parse_question(text));
  HF_TRY(const Asked asked, look_up(question, reach));
  switch (question.kind) {
    case Question::Kind::can:
    case Question::Kind::why:
      return answer_can(asked, reach);
    case Question::Kind::who:
      return answer_who(asked, reach);
    case Question::Kind::what:
      return answer_what(asked, reach);
    case Question::Kind::why_not:
      break;
    case Question::Kind::what_if:
      return answer_what_if(asked, reach);
  }
  Answer can = answer_can(asked, reach);
  if (can.yes) return can;
  return answer_why_not(asked, reach, std::move(can));
}

std::string answer_json(std::string_view question, const Answer& answer) {
  namespace json = boost::json;
  json::array path;
  for (const Ground& ground : answer.path) path.push_back(json::object{{"line", ground.line}, {"text", ground.text}});
  return json::serialize(json::object{{"question", question},
                                      {"answer", answer.yes},
                                      {"sentence", answer.sentence},
                                      {"path", std::move(path)},
                                      {"notes", json::value_from(answer.notes)}});
}

}  // namespace holdfast::analysis
