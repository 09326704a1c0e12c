// holdfast agreement ask|diff: what the analysis of an agreement answers.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "agreement/agreement.h"
#include "analysis/answer.h"
#include "analysis/compare.h"
#include "analysis/reach.h"
#include "base/plain.h"
#include "cli/commands/agreement_file.h"
#include "cli/commands/groups.h"
#include "cli/frame/command.h"
#include "server/rules_folder.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

/// The analysis of an agreement, signed or not. A draft whose only fault is that it breaks its own prohibitions can be
/// asked too, since it is then that people ask: `fault` gets a sentence that says so.
/// Errors: of read_agreement; the first finding.
Result<analysis::Reach> read_reach(const std::string& path, const std::string& rules, std::string* fault = nullptr) {
  HF_TRY(const AgreementFile file, read_agreement(path, rules));
  if (file.checked.plan) return analysis::analyse(file.checked.plan);
  const Error first = first_finding(file);
  if (fault) *fault = "this draft breaks its own prohibitions, so nobody should sign it: " + first.text();
  if (file.checked.broken) return analysis::analyse(file.checked.broken);
  return tl::unexpected(first);
}

Result<int> ask(const std::string& question, const std::string& path, const std::string& rules, bool as_json) {
  HF_TRY([[maybe_unused]] const auto parsed, analysis::parse_question(question));  // first: it is what people get wrong
  std::string fault;
  HF_TRY(const analysis::Reach reach, read_reach(path, rules, &fault));
  HF_TRY(analysis::Answer answer, analysis::ask(reach, question));
  if (!fault.empty()) answer.notes.push_back(fault);
  if (as_json) {
    print_line(analysis::answer_json(question, answer));
  } else {
    print_line(answer.sentence);
    for (const auto& ground : answer.path)
      print_line(ground.line ? fmt::format("  {}:{}: {}", path, ground.line, ground.text) : "  " + ground.text);
    for (const auto& note : answer.notes) print_line("  note: " + note);
  }
  return answer.yes ? exit_ok : exit_error;
}

void print_change(const analysis::Change& change, const std::string& before, const std::string& after) {
  std::string where;
  if (change.line) where = fmt::format("{}:{}", after, change.line);
  if (!change.line && change.old_line) where = fmt::format("{}:{}", before, change.old_line);
  print_line(fmt::format("{:8} {}{}", to_string(change.kind), change.text, where.empty() ? "" : "  [" + where + "]"));
  if (!change.path.empty()) print_line(fmt::format("{:8}   {}", "", change.path));
}

Result<int> diff(const std::string& before, const std::string& after, const std::string& rules, bool as_json) {
  HF_TRY(const analysis::Reach was, read_reach(before, rules));
  std::string fault;
  HF_TRY(const analysis::Reach now, read_reach(after, rules, &fault));
  const auto changes = analysis::compare(was, now);
  auto notes = analysis::obstacles(*was.plan, *now.plan);
  if (!fault.empty()) notes.push_back(fault);
  const auto opening =
      std::ranges::count_if(changes, [](const auto& change) { return analysis::is_opening(change.kind); });
  const int code = opening > 0 || !fault.empty() ? exit_error : exit_ok;
  if (as_json) {
    print_line(analysis::changes_json(changes, notes));
    return code;
  }
  for (const auto& change : changes) print_change(change, before, after);
  for (const auto& note : notes) print_line(fmt::format("{:8} {}", "note", note));
  if (changes.empty()) {
    print_line("the same can be learnt by the same parties, and the same must sign");
  } else {
    print_line(fmt::format("{}: {}", counted(changes.size(), "change", "changes"),
                           opening == 0 ? "nothing opens"
                           : opening == 1
                               ? "one opens or alters something, or changes who must sign"
                               : fmt::format("{} open or alter something, or change who must sign", opening)));
  }
  return code;
}

}  // namespace

void add_agreement_ask(CLI::App& group, Session& session) {
  struct Options {
    std::string question, file, before, after, rules{server::kRulesFolder};
  };
  const auto options = std::make_shared<Options>();

  CLI::App* asking =
      add_command(group, session, "ask", "Answer what an agreement lets whom learn, with the way and its lines",
                  "  holdfast agreement ask 'can bytedance learn user.contact?' agreement.yaml\n"
                  "  holdfast agreement ask 'why can CN not learn user.contact as clear?' agreement.yaml --json",
                  [&session, options] { return ask(options->question, options->file, options->rules, session.json); });
  asking->add_option("QUESTION", options->question, "One of:\n" + std::string(analysis::kQuestionGrammar))->required();
  asking->add_option("FILE", options->file, "An agreement, signed or not")->required();
  add_rules_option(*asking, options->rules);

  CLI::App* comparing =
      add_command(group, session, "diff", "What a new version opens, closes, and changes in who must sign",
                  "  holdfast agreement diff agreement.signed draft.yaml\n"
                  "  holdfast agreement diff agreement.signed draft.yaml --json | jq '.changes[] | select(.kind == "
                  "\"opens\")'",
                  [&session, options] { return diff(options->before, options->after, options->rules, session.json); });
  comparing->add_option("OLD", options->before, "The agreement in force")->required();
  comparing->add_option("NEW", options->after, "The one proposed")->required();
  add_rules_option(*comparing, options->rules);
}

}  // namespace holdfast::cli
