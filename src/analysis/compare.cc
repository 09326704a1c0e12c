#include "analysis/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <map>
#include <tuple>

#include "agreement/agreement.h"
#include "analysis/answers.h"
#include "analysis/compare_flows.h"
#include "analysis/compare_terms.h"
#include "analysis/danger.h"

namespace holdfast::analysis {
namespace {

using namespace agreement;
using Kind = Change::Kind;

constexpr std::array<std::string_view, 9> kKinds{"opens",  "widens",   "counts",  "loosens", "signs",
                                                 "alters", "tightens", "narrows", "closes"};

using CellKey = std::tuple<std::string_view, std::string_view, std::string_view>;  ///< party, category, use
using Cells = std::map<CellKey, const Cell*>;

Cells cells_of(const Reach& reach) {
  Cells out;
  for (const Cell& cell : reach.cells)
    out.emplace(CellKey{reach.plan->parties[cell.party].name, cell.category, cell.use}, &cell);
  return out;
}

std::string use_text(std::string_view use) {
  return use.empty() ? "by subjects' own exports" : fmt::format("for {}", use);
}

std::string place(const Reach& reach, const Cell& cell) {
  const Party& party = reach.plan->parties[cell.party];
  return fmt::format("'{}' ({})", party.name, fmt::join(party.countries, ", "));
}

Change change_of_cell(Kind kind, const Reach& reach, const Cell& cell, std::string text, bool old) {
  const Source& source = reach.sources[cell.source];
  Change out{kind, danger_of(kind, cell.level, *reach.plan, &reach.plan->parties[cell.party]), std::move(text),
             describe_path(reach, cell)};
  (old ? out.old_line : out.line) = source.line;
  return out;
}

void compare_both(const Reach& before, const Cell& was, const Reach& after, const Cell& now, std::vector<Change>& out) {
  const Source &old_source = before.sources[was.source], &source = after.sources[now.source];
  const auto kind = kind_between(old_source, source);
  if (!kind) return;
  Change change = change_of_cell(*kind, after, now,
                                 fmt::format("{} reaches {} {}, {}; before: {}", now.category, place(after, now),
                                             as_form(source), use_text(now.use), as_form(old_source)),
                                 false);
  change.old_line = old_source.line;
  out.push_back(std::move(change));
}

void compare_cells(const Reach& before, const Reach& after, std::vector<Change>& out) {
  const Cells was = cells_of(before), now = cells_of(after);
  for (const auto& [key, cell] : now) {
    const auto old = was.find(key);
    if (old != was.end()) {
      compare_both(before, *old->second, after, *cell, out);
      continue;
    }
    out.push_back(change_of_cell(Kind::opens, after, *cell,
                                 fmt::format("{} reaches {} {}, {}", cell->category, place(after, *cell),
                                             as_form(after.sources[cell->source]), use_text(cell->use)),
                                 false));
  }
  for (const auto& [key, cell] : was) {
    if (now.contains(key)) continue;
    out.push_back(change_of_cell(Kind::closes, before, *cell,
                                 fmt::format("{} no longer reaches {} {}, {}", cell->category, place(before, *cell),
                                             as_form(before.sources[cell->source]), use_text(cell->use)),
                                 true));
  }
}

/// The most revealing form in which anything reaches a party.
Level most_at(const Reach& reach, PartyIndex party) {
  Level most = Level::nothing;
  for (const Cell& cell : reach.of_party(party)) most = std::max(most, cell.level);
  return most;
}

void compare_countries(const Reach& before, const Reach& after, std::vector<Change>& out) {
  const auto gained = [](const Reach& from, const Reach& to, Kind kind, std::string_view how, bool old,
                         std::vector<Change>& changes) {
    for (std::size_t i = 0; i < to.plan->parties.size(); ++i) {
      const Party& party = to.plan->parties[i];
      const auto other = from.plan->find_party(party.name);
      if (!other) continue;  // its cells say it
      const auto& had = from.plan->parties[*other].countries;
      for (const std::string& country : party.countries) {
        if (std::ranges::find(had, country) != had.end()) continue;
        const Concern concern{{country}, std::nullopt, kShareControl};
        const auto controls = find_control(to.plan->parties, concern);
        const auto index = static_cast<PartyIndex>(i);
        Change change{kind, danger_of(kind, most_at(to, index), *to.plan, &party),
                      fmt::format("'{}' {} of {}, with all that reaches it", party.name, how, country),
                      explain_control(to.plan->parties, concern, controls, index)};
        (old ? change.old_line : change.line) = party.line;
        changes.push_back(std::move(change));
      }
    }
  };
  gained(before, after, Kind::counts, "now counts as", false, out);
  gained(after, before, Kind::closes, "no longer counts as", true, out);
}

}  // namespace

std::string_view to_string(Change::Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

bool is_opening(Change::Kind kind) { return kind <= Kind::alters; }

std::vector<Change> compare(const Reach& before, const Reach& after) {
  std::vector<Change> out;
  compare_cells(before, after, out);
  compare_countries(before, after, out);
  compare_flows(before, after, out);
  compare_terms(*before.plan, *after.plan, out);
  std::ranges::stable_sort(out, std::greater<>(), &Change::danger);
  return out;
}

std::vector<std::string> obstacles(const Plan& before, const Plan& after) {
  const auto next = check_next(before, after);
  if (next) return {};
  return {fmt::format("to adopt this will be refused: {} [{}]", next.error().what, next.error().slug)};
}

std::string changes_json(const std::vector<Change>& changes, const std::vector<std::string>& notes) {
  namespace json = boost::json;
  json::array list;
  bool opens = false;
  for (const Change& change : changes) {
    opens = opens || is_opening(change.kind);
    list.push_back(json::object{{"kind", to_string(change.kind)},
                                {"text", change.text},
                                {"path", change.path},
                                {"line", change.line},
                                {"old_line", change.old_line}});
  }
  return json::serialize(
      json::object{{"opens", opens}, {"changes", std::move(list)}, {"notes", json::value_from(notes)}});
}

/// Here, because it is a comparison with the same agreement less a flow.
Answer answer_what_if(const Asked& asked, const Reach& reach) {
  const Flow& flow = reach.plan->flows[*asked.flow];
  std::vector<Change> changes;
  compare_cells(reach, analyse(reach.plan, {asked.flow, std::nullopt}), changes);
  std::ranges::stable_sort(changes, std::greater<>(), &Change::danger);
  Answer out;
  for (const Change& change : changes)
    out.path.push_back(
        {change.old_line ? change.old_line : change.line, fmt::format("{}: {}", to_string(change.kind), change.text)});
  out.yes = !changes.empty();
  out.sentence = changes.empty()
                     ? fmt::format(
                           "Without flow '{}' (line {}) everything that can be learnt can still be learnt, by "
                           "other ways.",
                           flow.name, flow.line)
                     : fmt::format("Without flow '{}' (line {}) {} would close or narrow.", flow.name, flow.line,
                                   changes.size() == 1 ? "one way" : fmt::format("{} ways", changes.size()));
  return out;
}

}  // namespace holdfast::analysis
