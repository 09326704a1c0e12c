#include "page/agreement_sheet.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/plain.h"
#include "page/template.h"

namespace holdfast::page {

using agreement::Flow;
using agreement::PartyIndex;

namespace {

Mark mark_of(const analysis::Source& source) {
  switch (source.kind) {
    case analysis::Source::Kind::run:
    case analysis::Source::Kind::logs:
      return Mark::sealed;
    case analysis::Source::Kind::aggregate:
      return Mark::aggregate;
    case analysis::Source::Kind::exports:
      return Mark::asked;
    case analysis::Source::Kind::gives:
      break;
  }
  switch (source.level) {
    case agreement::Level::token:
      return Mark::token;
    case agreement::Level::generalised:
      return Mark::generalised;
    default:
      return Mark::clear;
  }
}

Cell cell_of(const analysis::Reach& reach, const analysis::Cell& found) {
  const analysis::Source& source = reach.sources[found.source];
  Cell cell{mark_of(source), analysis::form_text(source), {}, source.line, {}, analysis::describe_path(reach, found)};
  if (source.kind == analysis::Source::Kind::run)
    cell.form = fmt::format("what {} makes of it{}", reach.plan->flows[source.flow].module,
                            source.reader == source.flow ? "" : ", of all subjects");
  if (source.kind == analysis::Source::Kind::logs)
    cell.form = fmt::format("what {} may write to its log", reach.plan->flows[source.flow].module);
  if (source.kind == analysis::Source::Kind::exports) cell.form = "at the subject's request";
  if (source.kind != analysis::Source::Kind::exports) cell.flow = source.flow;
  if (const auto path = reach.path(found); !path.empty()) cell.passed_on = reach.plan->parties[path.back().from].name;
  return cell;
}

}  // namespace

std::string_view letter(Mark mark) {
  constexpr std::string_view kLetters[] = {"A", "T", "G", "S", "R", "C"};
  return kLetters[static_cast<std::size_t>(mark)];
}

std::string_view word(Mark mark) {
  constexpr std::string_view kWords[] = {"aggregate: sums with noise",
                                         "token: the same for the same value",
                                         "generalised: a part or a range",
                                         "sealed: what an approved module makes of it",
                                         "in the clear, at a subject's own request only",
                                         "in the clear"};
  return kWords[static_cast<std::size_t>(mark)];
}

std::string mark_svg(Mark mark, double x, double y) {
  constexpr std::string_view kShapes[] = {R"(<path class="m-aggregate" d="M8 1 L15.2 14.4 H0.8 Z"/>)",
                                          R"(<path class="m-token" d="M8 0.4 L15.6 8 L8 15.6 L0.4 8 Z"/>)",
                                          R"(<circle class="m-generalised" cx="8" cy="8" r="7.2"/>)",
                                          R"(<rect class="m-sealed" x="1" y="1" width="14" height="14" rx="4"/>)",
                                          R"(<path class="m-asked" d="M0.8 0.8 H15.2 V10 L8 15.4 L0.8 10 Z"/>)",
                                          R"(<rect class="m-clear" x="0.6" y="0.6" width="14.8" height="14.8"/>)"};
  constexpr double kBaseline[] = {13.2, 11.6, 11.7, 11.7, 10.6, 11.7};
  const auto i = static_cast<std::size_t>(mark);
  return fmt::format(
      R"svg(<g transform="translate({:.1f} {:.1f})">{}<text class="m-letter m-on-{}" x="8" y="{}" text-anchor="middle">{}</text></g>)svg",
      x, y, kShapes[i], mark == Mark::clear || mark == Mark::generalised ? "dark" : "light", kBaseline[i],
      letter(mark));
}

bool Sheet::abroad(PartyIndex party) const {
  const auto& countries = plan->parties[party].countries;
  return std::any_of(countries.begin(), countries.end(),
                     [this](const std::string& each) { return each != plan->subjects_country; });
}

std::string Sheet::place(PartyIndex party) const {
  return fmt::format("{}", fmt::join(plan->parties[party].countries, ", "));
}

std::string Sheet::recipient(const Flow& flow) const {
  if (flow.makes) return fmt::format("nobody: '{}' stays with {}", *flow.makes, plan->parties[flow.to].name);
  return (flow.to_subject ? "each subject, via " : "") + plan->parties[flow.to].name;
}

std::vector<Mark> Sheet::marks(agreement::FlowIndex flow) const {
  std::vector<Mark> out;
  for (const analysis::Source& source : reach.sources) {
    if (!source.is_released() || source.flow != flow || source.level == agreement::Level::nothing) continue;
    if (std::find(out.begin(), out.end(), mark_of(source)) == out.end()) out.push_back(mark_of(source));
  }
  std::sort(out.rbegin(), out.rend());
  return out;
}

Sheet make_sheet(agreement::PlanPtr plan, std::vector<PartyIndex> signed_by) {
  Sheet sheet{plan, analysis::analyse(plan), {}, {}, {}, std::move(signed_by)};
  for (std::size_t i = 0; i < plan->parties.size(); ++i) {
    const auto party = static_cast<PartyIndex>(i);
    if (plan->parties[i].key && plan->parties[i].role != agreement::Role::recipient) sheet.signing.push_back(party);
    if (party != plan->trustee() && !sheet.reach.of_party(party).empty()) {
      sheet.columns.push_back({party, plan->parties[i].name, sheet.place(party), sheet.abroad(party)});
    }
  }
  std::stable_sort(sheet.columns.begin(), sheet.columns.end(),
                   [](const Column& a, const Column& b) { return a.abroad && !b.abroad; });
  std::map<std::string, Row> rows;
  for (std::size_t i = 0; i < sheet.columns.size(); ++i) {
    for (const analysis::Cell& found : sheet.reach.of_party(sheet.columns[i].party)) {
      Row& row = rows[std::string(found.category)];
      row.category = found.category;
      row.cells.resize(sheet.columns.size());
      const Mark mark = mark_of(sheet.reach.sources[found.source]);
      if (!row.cells[i] || row.cells[i]->mark < mark) row.cells[i] = cell_of(sheet.reach, found);
    }
  }
  for (auto& [category, row] : rows) sheet.rows.push_back(std::move(row));
  return sheet;
}

std::string limits_text(const agreement::Plan& plan, const agreement::Flow& flow, bool brief) {
  std::vector<std::string> out;
  for (const auto index : flow.limits) {
    const agreement::Limit& limit = plan.limits[index];
    out.push_back(limit.text + (limit.rolling && !brief ? fmt::format(" ({}, over all its flows)", limit.name) : ""));
  }
  if (flow.size_max_bytes) out.push_back(counted(*flow.size_max_bytes, "byte", "bytes") + " a release");
  if (flow.aggregate) {
    const std::string privacy = flow.aggregate->privacy();
    out.push_back(brief ? privacy.substr(0, privacy.find(',')) : privacy);
  }
  return out.empty() ? "no limit" : fmt::format("{}", fmt::join(out, "; "));
}

}  // namespace holdfast::page
