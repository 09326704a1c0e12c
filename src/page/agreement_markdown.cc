#include <fmt/format.h>

#include "agreement/agreement.h"
#include "analysis/budgets.h"
#include "page/agreement_sheet.h"

namespace holdfast::page {
namespace {

/// Nothing that Markdown or the HTML in it would act on.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\`*_{}[]<>|#!&").find(c) != std::string_view::npos) out += '\\';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out;
}

std::string joined(const agreement::Plan& plan, const std::vector<agreement::PartyIndex>& parties) {
  std::string out;
  for (const auto party : parties) out += (out.empty() ? "" : ", ") + plain(plan.parties[party].name);
  return out.empty() ? "nobody" : out;
}

}  // namespace

std::string agreement_markdown(const Sheet& sheet) {
  const agreement::Plan& plan = *sheet.plan;
  std::string out =
      fmt::format("# {} version {}\n\nAbout subjects in {}. Signed by {}. A change needs {}.\n\nSHA-256 `{}`\n\n",
                  plain(plan.agreement), plan.version, plan.subjects_country, joined(plan, sheet.signed_by),
                  plain(agreement::describe(plan, plan.change_agreement)), to_hex(plan.hash.view()));
  out += "## What reaches whom\n\n| category |";
  for (const Column& column : sheet.columns) {
    out += fmt::format(" {} ({}{}) |", plain(column.name), column.abroad ? "abroad: " : "", column.place);
  }
  out += "\n| --- |";
  for (std::size_t i = 0; i < sheet.columns.size(); ++i) out += " --- |";
  for (const Row& row : sheet.rows) {
    out += fmt::format("\n| {} |", plain(row.category));
    for (const auto& cell : row.cells) {
      out += cell ? fmt::format(" **{}** {}, by {} (line {}) |", letter(cell->mark), plain(cell->form),
                                cell->flow ? plain(plan.flows[*cell->flow].name) : "its own copy", cell->line)
                  : " – |";
    }
  }
  out += "\n\n";
  for (const Mark mark : {Mark::clear, Mark::asked, Mark::sealed, Mark::generalised, Mark::token, Mark::aggregate}) {
    out += fmt::format("- **{}**: {}\n", letter(mark), word(mark));
  }
  out += "\n## Flows\n\n| flow | to | for | at most | line |\n| --- | --- | --- | --- | --- |\n";
  for (const agreement::Flow& flow : plan.flows) {
    out += fmt::format("| {} | {} ({}) | {} | {} | {} |\n", plain(flow.name), plain(sheet.recipient(flow)),
                       sheet.place(flow.to), plain(flow.use), plain(limits_text(plan, flow)), flow.line);
  }
  for (const analysis::Budgets& each : analysis::find_budgets(sheet.reach)) {
    out += fmt::format("\n- {}\n", plain(analysis::describe_budgets(sheet.reach, each)));
  }
  out += "\n## Parties\n\n| party | role | counts as in | key |\n| --- | --- | --- | --- |\n";
  for (std::size_t i = 0; i < plan.parties.size(); ++i) {
    const agreement::Party& party = plan.parties[i];
    out += fmt::format("| {} | {} | {} | {} |\n", plain(party.name), to_string(party.role),
                       sheet.place(static_cast<agreement::PartyIndex>(i)),
                       party.key ? fmt::format("`{:08x}`", party.key->id()) : "–");
  }
  out += "\n## Who must sign what\n\n| what | signed by | and |\n| --- | --- | --- |\n";
  for (const agreement::ChangeRule& rule : agreement::change_rules(plan)) {
    out += fmt::format("| {} | {} | {} |\n", rule.what, plain(rule.signed_by),
                       rule.besides.empty() ? "–" : plain(rule.besides));
  }
  return out;
}

}  // namespace holdfast::page
