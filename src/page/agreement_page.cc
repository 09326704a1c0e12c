#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>

#include "agreement/agreement.h"
#include "agreement/control.h"
#include "agreement/form.h"
#include "analysis/budgets.h"
#include "page/agreement_sheet.h"
#include "page/template.h"

namespace holdfast::page {
namespace {

namespace json = boost::json;
using agreement::Flow;
using agreement::PartyIndex;
using agreement::Plan;

std::string names(const Plan& plan, const std::vector<PartyIndex>& parties) {
  std::string out;
  for (const PartyIndex party : parties) out += (out.empty() ? "" : ", ") + plan.parties[party].name;
  return out;
}

/// Eight digits at a time, so that people can compare them.
std::string spaced(const std::string& hex) {
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 8) out += (i > 0 ? " " : "") + hex.substr(i, 8);
  return out;
}

std::string keep_text(std::chrono::seconds keep) {
  const auto hours = keep.count() / 3600;
  const auto text = [](long count, std::string_view unit) {
    return fmt::format("{} {}{}", count, unit, count == 1 ? "" : "s");
  };
  if (hours % (365 * 24) == 0) return text(hours / (365 * 24), "year");
  return hours % 24 == 0 ? text(hours / 24, "day") : text(hours, "hour");
}

std::string key_text(const agreement::Party& party) {
  return party.key ? fmt::format("{}+{:08x}", party.key->name(), party.key->id()) : "–";
}

std::string bonds_text(const Plan& plan, const agreement::Party& party) {
  std::vector<std::string> out;
  if (party.operated_by) out.push_back("operated by " + plan.parties[*party.operated_by].name);
  for (const agreement::Owner& owner : party.owners) {
    out.push_back(fmt::format("owned {} by {}", agreement::share_text(owner.share),
                              owner.party ? plan.parties[*owner.party].name : owner.country));
  }
  if (!party.controlled_by.empty())
    out.push_back(fmt::format("directed from {}", fmt::join(party.controlled_by, ", ")));
  if (!party.viewed_from.empty()) out.push_back(fmt::format("looked at from {}", fmt::join(party.viewed_from, ", ")));
  if (!party.shares_with.empty()) out.push_back("may pass on to " + names(plan, party.shares_with));
  return out.empty() ? "–" : fmt::format("{}", fmt::join(out, "; "));
}

std::string_view verb(const Flow& flow) {
  if (flow.makes) return "Makes";
  return flow.kind == Flow::Kind::gives ? "Gives" : flow.kind == Flow::Kind::run ? "Runs" : "Sums";
}

std::string gives_text(const Plan& plan, const Flow& flow) {
  std::string out;
  for (const auto& given : flow.gives) {
    const auto& collection = plan.collections[given.collection];
    std::vector<std::string> fields;
    for (const auto& each : given.fields) {
      fields.push_back(fmt::format("{} {}", collection.fields[each.field].name, each.form.text()));
    }
    out += fmt::format("{}{}: {}", out.empty() ? "" : "; ", collection.name, fmt::join(fields, ", "));
  }
  if (flow.kind == Flow::Kind::run) out = "module " + flow.module + ", which reads ";
  if (flow.aggregate) return "with noise, over " + flow.aggregate->sums;
  for (std::size_t i = 0; i < flow.reads.size(); ++i) {
    const auto& collection = plan.collections[flow.reads[i].collection];
    std::vector<std::string> fields;
    for (const auto field : flow.reads[i].fields) fields.push_back(collection.fields[field].name);
    out += fmt::format("{}{}: {}", i > 0 ? "; " : "", collection.name, fmt::join(fields, ", "));
  }
  if (flow.makes) out = fmt::format("{}, a product, by {}, of all subjects", *flow.makes, out);
  if (flow.with) out += fmt::format("; with {}, and all that it was made of", *flow.with);
  return out;
}

std::string state_text(const Sheet& sheet) {
  if (sheet.signed_by.empty()) return "a draft that nobody has signed";
  return "signed by " + names(*sheet.plan, sheet.signed_by);
}

/// A sheet of paper has room for so many parties beside the categories; and for more than so many, or for a name of
/// more letters, only if columns are of one width and words break.
constexpr std::size_t kColumnsMax = 6, kColumnsWide = 3, kNameWide = 24;

bool is_dense(const Sheet& sheet, std::size_t columns) {
  const auto is_long = [](const auto& named) { return named.name.size() > kNameWide; };
  return columns > kColumnsWide || std::ranges::any_of(sheet.columns, is_long) ||
         std::ranges::any_of(sheet.plan->flows, is_long);
}

json::object matrix_cell(const Sheet& sheet, const Cell& cell) {
  return {{"mark", mark_svg(cell.mark, 0, 0)},
          {"word", word(cell.mark)},
          {"form", cell.form},
          {"flow", cell.flow ? fmt::format("flow-{}", *cell.flow + 1) : fmt::format("L{}", cell.line)},
          {"flow_name", cell.flow ? sheet.plan->flows[*cell.flow].name : "its own copy"},
          {"passed_on", cell.passed_on},
          {"path", cell.path},
          {"line", cell.line}};
}

/// The columns from `first` to before `end`, with every category.
json::object matrix_part(const Sheet& sheet, std::size_t first, std::size_t end) {
  json::array columns, rows;
  for (std::size_t i = first; i < end; ++i) {
    const Column& column = sheet.columns[i];
    columns.push_back(json::object{{"name", column.name}, {"place", column.place}, {"abroad", column.abroad}});
  }
  for (const Row& row : sheet.rows) {
    json::array cells;
    for (std::size_t i = first; i < end; ++i) {
      cells.push_back(row.cells[i] ? matrix_cell(sheet, *row.cells[i]) : json::object{{"mark", false}});
    }
    rows.push_back(json::object{{"category", breakable(row.category)}, {"cells", std::move(cells)}});
  }
  const bool whole = end - first == sheet.columns.size();
  return {{"part", whole ? "" : fmt::format("Parties {} to {} of {}", first + 1, end, sheet.columns.size())},
          {"dense", is_dense(sheet, columns.size())},
          {"columns", std::move(columns)},
          {"rows", std::move(rows)}};
}

/// As many tables as it takes, of about as many columns each: a table that is too wide loses its last columns in print.
json::array matrix_parts(const Sheet& sheet) {
  json::array parts;
  const std::size_t all = sheet.columns.size(), count = std::max<std::size_t>(1, (all + kColumnsMax - 1) / kColumnsMax);
  for (std::size_t i = 0; i < count; ++i) parts.push_back(matrix_part(sheet, all * i / count, all * (i + 1) / count));
  return parts;
}

json::array flow_rows(const Sheet& sheet) {
  json::array rows;
  const Plan& plan = *sheet.plan;
  for (std::size_t i = 0; i < plan.flows.size(); ++i) {
    const Flow& flow = plan.flows[i];
    rows.push_back(json::object{{"anchor", fmt::format("flow-{}", i + 1)},
                                {"name", flow.name},
                                {"to", sheet.recipient(flow)},
                                {"place", sheet.place(flow.to)},
                                {"abroad", sheet.abroad(flow.to)},
                                {"use", breakable(flow.use)},
                                {"verb", verb(flow)},
                                {"gives", gives_text(plan, flow)},
                                {"limits", limits_text(plan, flow)},
                                {"line", flow.line}});
  }
  return rows;
}

json::array budget_rows(const Sheet& sheet) {
  json::array rows;
  for (const analysis::Budgets& each : analysis::find_budgets(sheet.reach)) {
    std::string text = analysis::describe_budgets(sheet.reach, each);
    text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
    rows.push_back(json::object{{"text", std::move(text)}});
  }
  return rows;
}

json::array collection_rows(const Plan& plan) {
  json::array rows;
  for (const auto& collection : plan.collections) {
    std::vector<std::string> fields;
    for (const auto& field : collection.fields) {
      fields.push_back(fmt::format("{} ({}, {})", field.name, to_string(field.type), field.category));
    }
    rows.push_back(json::object{{"name", collection.name},
                                {"shape", collection.key ? "many a subject, by " + *collection.key : "one a subject"},
                                {"fields", breakable(fmt::format("{}", fmt::join(fields, ", ")))},
                                {"from", names(plan, collection.depositors)},
                                {"keep", keep_text(collection.keep)}});
  }
  return rows;
}

json::array party_rows(const Sheet& sheet) {
  json::array rows;
  for (std::size_t i = 0; i < sheet.plan->parties.size(); ++i) {
    const auto& party = sheet.plan->parties[i];
    rows.push_back(json::object{{"name", party.name},
                                {"role", to_string(party.role)},
                                {"place", sheet.place(static_cast<PartyIndex>(i))},
                                {"bonds", bonds_text(*sheet.plan, party)},
                                {"key", key_text(party)}});
  }
  return rows;
}

json::array prohibition_rows(const Plan& plan) {
  json::array rows;
  for (const agreement::Prohibition& each : plan.prohibitions) {
    const bool never = each.kind == agreement::Prohibition::Kind::never;
    std::string whom = each.party ? plan.parties[*each.party].name : fmt::format("{}", fmt::join(each.countries, ", "));
    if (!each.party) {
      whom += fmt::format(", and who is owned {} or more from there", agreement::share_text(each.control_at));
    }
    std::string but = never ? fmt::format("at most as {}", to_string(each.allowed)) : "at most " + each.limit->text;
    if (never && each.allowed == agreement::Level::nothing) but = "in no form";
    rows.push_back(json::object{
        {"what", breakable(each.category)}, {"whom", std::move(whom)}, {"but", std::move(but)}, {"line", each.line}});
  }
  return rows;
}

/// "The next version of this agreement" to who must sign it.
json::array change_rows(const Plan& plan) {
  json::array rows;
  for (const agreement::ChangeRule& rule : agreement::change_rules(plan)) {
    const bool next = rule.name == "agreement";
    rows.push_back(json::object{
        {"what", next ? "the next version" : rule.what}, {"signed_by", rule.signed_by}, {"besides", rule.besides}});
  }
  return rows;
}

json::array signature_rows(const Sheet& sheet, const std::string& hash) {
  json::array rows;
  for (const PartyIndex index : sheet.signing) {
    const auto& party = sheet.plan->parties[index];
    const bool done = std::find(sheet.signed_by.begin(), sheet.signed_by.end(), index) != sheet.signed_by.end();
    rows.push_back(json::object{{"name", party.name},
                                {"role", to_string(party.role)},
                                {"place", sheet.place(index)},
                                {"hash", hash},
                                {"key", key_text(party)},
                                {"signed", done}});
  }
  return rows;
}

json::array document_lines(std::string_view document) {
  json::array lines;
  for (std::size_t at = 0; at < document.size();) {
    const std::size_t end = std::min(document.find('\n', at), document.size());
    lines.push_back(json::object{{"n", lines.size() + 1}, {"text", document.substr(at, end - at)}});
    at = end + 1;
  }
  return lines;
}

}  // namespace

std::string agreement_page(const Sheet& sheet, std::string_view document) {
  const Plan& plan = *sheet.plan;
  const std::string hash = spaced(to_hex(plan.hash.view()));
  json::array legend;
  for (const Mark mark : {Mark::clear, Mark::asked, Mark::sealed, Mark::generalised, Mark::token, Mark::aggregate}) {
    legend.push_back(json::object{{"mark", mark_svg(mark, 0, 0)}, {"word", word(mark)}});
  }
  json::object view{{"agreement", plan.agreement},
                    {"version", plan.version},
                    {"subjects_country", plan.subjects_country},
                    {"trustee", plan.parties[plan.trustee()].name},
                    {"state", state_text(sheet)},
                    {"hash", hash},
                    {"served_by", names(plan, plan.served_by)},
                    {"map", agreement_map(sheet, true)},
                    {"legend", std::move(legend)},
                    {"matrices", matrix_parts(sheet)},
                    {"flows", flow_rows(sheet)},
                    {"budgets", budget_rows(sheet)},
                    {"collections", collection_rows(plan)},
                    {"has_prohibitions", !plan.prohibitions.empty()},
                    {"prohibitions", prohibition_rows(plan)},
                    {"parties", party_rows(sheet)},
                    {"changes", change_rows(plan)},
                    {"signatures", signature_rows(sheet, hash)},
                    {"lines", document_lines(document)}};
  return page(fmt::format("Agreement {} version {}", plan.agreement, plan.version), agreement_template(), view);
}

}  // namespace holdfast::page
