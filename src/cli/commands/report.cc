// holdfast report
#include "report/report.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <memory>

#include "base/plain.h"
#include "cli/commands/groups.h"
#include "cli/evidence/evidence_source.h"
#include "cli/frame/command.h"
#include "page/report_page.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct ReportOptions {
  std::string from, to, out;
  std::vector<std::string> figures;
};

/// A date, counted whole, or a moment.
Result<UnixMillis> parse_moment(const std::string& option, const std::string& text, bool day_after) {
  constexpr UnixMillis kDay = 86'400'000;
  if (const auto day = days_from_date(text)) return (UnixMillis{*day} + (day_after ? 1 : 0)) * kDay;
  if (const auto at = from_rfc3339(text)) return *at;
  return fail(Code::invalid, "cli.report.date", option,
              fmt::format("'{}' is neither a date (2026-12-31) nor a moment (2026-12-31T12:00:00Z)", text));
}

Result<report::Period> parse_period(const ReportOptions& options) {
  report::Period period;
  if (!options.from.empty()) {
    HF_TRY(period.from, parse_moment("--from", options.from, false));
  }
  if (!options.to.empty()) {
    HF_TRY(period.until, parse_moment("--to", options.to, true));
  }
  return period;
}

void print_entry(std::uint64_t index, const evidence::Entry& entry) {
  print_line(fmt::format("{{\"index\":{},\"entry\":{}}}", index, entry.encode()));
}

Result<report::Report> make(const EvidenceSource& log, const ReportOptions& options) {
  std::vector<std::string> inputs = log.parties;
  inputs.push_back(log.log_key);
  HF_CHECK(require_public(inputs));
  inputs.insert(inputs.end(), {log.ca, log.log + "/checkpoint"});
  HF_CHECK(require_output(options.out, inputs));
  report::Options wanted;
  HF_TRY(wanted.verify, to_verify(log));
  HF_TRY(wanted.period, parse_period(options));
  wanted.wanted = options.figures;
  wanted.on_wanted = print_entry;
  std::unique_ptr<Progress> progress;
  wanted.verify.progress = showing(progress, "report");
  return report::make(std::move(wanted));
}

void print_counted(const report::Report& report, const std::string& out) {
  std::uint64_t releases = 0, refused = 0;
  for (const auto& flow : report.flows) releases += flow.releases;
  for (const auto& refusal : report.refusals) refused += refusal.requests;
  fmt::print(stderr, "{}{} of the period out of {}: {} by {}, {} refused\n", out.empty() ? "" : out + ": ",
             counted(report.entries, "entry", "entries"), with_commas(report.evidence.checkpoint.size),
             counted(releases, "release", "releases"), counted(report.flows.size(), "flow", "flows"),
             counted(refused, "request", "requests"));
  if (report.ends_before_period()) {
    fmt::print(stderr, "NO EVIDENCE OF THIS PERIOD: the log ends at {}, before the period begins\n",
               to_rfc3339(report.evidence_until));
  } else if (report.begins_after_period()) {
    fmt::print(stderr, "NO EVIDENCE OF THIS PERIOD: the log begins at {}, after the period ends\n",
               to_rfc3339(report.evidence_from));
  }
}

/// On stderr, since stdout may be the report itself.
void print_outcome(const report::Report& report, const std::string& out) {
  const auto& evidence = report.evidence;
  if (evidence.examined) print_counted(report, out);
  if (evidence.verdict == verify::Verdict::good) return;
  for (std::size_t i = 0; i < std::min<std::size_t>(10, evidence.findings.size()); ++i) {
    const auto& finding = evidence.findings[i];
    fmt::print(stderr, "WRONG  {}{} [{}]\n", finding.index ? fmt::format("entry {}: ", *finding.index) : "",
               finding.text, finding.slug);
  }
  fmt::print(stderr, "NOT GOOD: {} finding{}{}\n", with_commas(evidence.findings_total),
             evidence.findings_total == 1 ? "" : "s",
             evidence.verdict == verify::Verdict::inconsistent ? "; this is not one log, so nothing is reported of it"
             : !evidence.examined                              ? "; nothing was looked at, so nothing is reported"
                                                               : "; the report names them");
}

Result<int> run_report(const EvidenceSource& log, const ReportOptions& options, bool as_json) {
  const auto report = make(log, options);
  if (!report) {
    print_error(report.error(), as_json);
    return static_cast<int>(verify::Verdict::nothing_proven);
  }
  const verify::Verdict verdict = report->evidence.verdict;
  const bool worth_telling = verdict != verify::Verdict::inconsistent && report->evidence.examined;
  if (options.figures.empty() && worth_telling) {
    const std::string text = as_json ? report::to_json(*report) + "\n" : page::report_page(*report);
    if (options.out.empty()) {
      print_text(text);
    } else if (const auto written = write_output(options.out, text); !written) {
      print_error(written.error(), as_json);
      return static_cast<int>(verify::Verdict::nothing_proven);
    }
  }
  print_outcome(*report, options.figures.empty() ? options.out : "");
  return static_cast<int>(verdict);
}

}  // namespace

void add_report(CLI::App& program, Session& session) {
  const auto log = std::make_shared<EvidenceSource>();
  const auto options = std::make_shared<ReportOptions>();
  CLI::App* command = add_command(
      program, session, "report",
      "Verify an evidence log and write what it says of a period: who got what, what was refused, what changed",
      "  holdfast report https://hf.example/log --party operator.vkey --party oracle.vkey --party treasury.vkey "
      "--from 2026-01-01 --to 2026-12-31 -o 2026.html\n"
      "  holdfast report ./mirror --party operator.vkey --party oracle.vkey --party treasury.vkey --entries "
      "flow:support@1",
      [&session, log, options] { return run_report(*log, *options, session.json); });
  add_evidence_source(*command, *log);
  // A variable that is not set would make a report of the whole log.
  const CLI::Validator given(
      [](const std::string& text) {
        return text.empty() ? "it is empty; give a day or a moment, or leave it out" : "";
      },
      "");
  command->add_option("--from", options->from, "First day (UTC), or a moment (default: the log's beginning)")
      ->check(given);
  command->add_option("--to", options->to, "Last day (UTC), or a moment before which (default: the log's end)")
      ->check(given);
  command->add_option("--output,-o", options->out, "Where to write it (default: standard output)");
  CLI::Option* const out = command->get_option("--output");
  command
      ->add_option("--entries", options->figures,
                   "Instead of the report: the entries that a figure was counted from, a JSON line each")
      ->allow_extra_args(false)
      ->excludes(out);
}

}  // namespace holdfast::cli
