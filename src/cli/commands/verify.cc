// holdfast verify
#include "verify/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "base/clock.h"
#include "base/plain.h"
#include "cli/commands/groups.h"
#include "cli/evidence/evidence_source.h"
#include "cli/frame/command.h"
#include "cli/frame/progress.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

constexpr UnixMillis kClocksApartMs = 5 * 60'000;

constexpr std::size_t kShownFindings = 50;

struct VerifyOptions {
  std::string state;
  std::vector<std::string> also;
};

std::string_view text_of(verify::Verdict verdict) {
  switch (verdict) {
    case verify::Verdict::good:
      return "good";
    case verify::Verdict::violations:
      return "violations";
    case verify::Verdict::inconsistent:
      return "inconsistent";
    case verify::Verdict::nothing_proven:
      break;
  }
  return "nothing proven";
}

json::object to_json(const verify::Report& report) {
  json::array findings, releases, agreements;
  for (const auto& finding : report.findings) {
    json::object one{{"code", finding.slug}, {"detail", finding.text}};
    if (finding.index) one["index"] = *finding.index;
    findings.push_back(std::move(one));
  }
  for (const auto& tally : report.tallies) {
    boost::system::error_code wrong;
    json::value gives = json::parse(tally.gives, wrong);
    releases.push_back(json::object{{"flow", tally.flow},
                                    {"to", tally.to},
                                    {"gives", wrong ? json::value(tally.gives) : std::move(gives)},
                                    {"agreement", tally.agreement},
                                    {"releases", tally.releases},
                                    {"records", tally.records},
                                    {"bytes", tally.bytes},
                                    {"contained", tally.contained},
                                    {"first", to_rfc3339(tally.first)},
                                    {"last", to_rfc3339(tally.last)}});
  }
  for (const auto& adoption : report.agreements) {
    agreements.push_back(json::object{{"name", adoption.name},
                                      {"version", adoption.version},
                                      {"sha256", to_hex(adoption.document.view())},
                                      {"at", to_rfc3339(adoption.at)},
                                      {"signed_by", json::value_from(adoption.signed_by)}});
  }
  return {{"verdict", std::string(text_of(report.verdict))},
          {"examined", report.examined},
          {"newest_entry", report.newest_at ? json::value(to_rfc3339(*report.newest_at)) : json::value()},
          {"log", json::object{{"origin", report.checkpoint.origin},
                               {"size", report.checkpoint.size},
                               {"root", to_base64(report.checkpoint.root.view())},
                               {"key", report.log_key}}},
          {"checked_from", report.from},
          {"seconds", report.seconds},
          {"agreements", std::move(agreements)},
          {"entries", json::value_from(report.kinds)},
          {"releases", std::move(releases)},
          {"erasures_unfinished", report.erasures_unfinished},
          {"findings_total", report.findings_total},
          {"findings", std::move(findings)}};
}

/// {"profile":{"email":"token"}} as "profile: email token".
std::string gives_text(const std::string& gives) {
  boost::system::error_code wrong;
  const json::value parsed = json::parse(gives, wrong);
  const json::object* collections = wrong ? nullptr : parsed.if_object();
  if (!collections) return gives;
  std::vector<std::string> parts;
  for (const auto& [collection, fields] : *collections) {
    std::vector<std::string> forms;
    if (const json::object* named = fields.if_object()) {
      for (const auto& [field, form] : *named) {
        forms.push_back(fmt::format("{} {}", std::string_view(field),
                                    form.is_string() ? std::string_view(form.get_string()) : std::string_view("?")));
      }
    }
    parts.push_back(fmt::format("{}: {}", std::string_view(collection), fmt::join(forms, ", ")));
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

void print_releases(const verify::Report& report) {
  if (report.tallies.empty()) {
    return print_line(report.verdict == verify::Verdict::good ? "\nNothing was released."
                                                              : "\nNo release was seen, of what could be read.");
  }
  std::size_t flow_width = 4, to_width = 2;
  for (const auto& tally : report.tallies) {
    flow_width = std::max(flow_width, tally.flow.size());
    to_width = std::max(to_width, tally.to.size());
  }
  print_line(fmt::format("\n{:{}}  {:{}}  {:>9}  {:>10}  {:>10}  {:>7}  {}", "FLOW", flow_width, "TO", to_width,
                         "TIMES", "RECORDS", "BYTES", "VERSION", "FROM … UNTIL (UTC)"));
  for (const auto& tally : report.tallies) {
    print_line(fmt::format("{:{}}  {:{}}  {:>9}  {:>10}  {:>10}  {:>7}  {} … {}", tally.flow, flow_width, tally.to,
                           to_width, with_commas(tally.releases), with_commas(tally.records), size_text(tally.bytes),
                           tally.agreement, to_rfc3339(tally.first).substr(0, 19),
                           to_rfc3339(tally.last).substr(0, 19)));
    print_line("    " + gives_text(tally.gives));
    if (tally.contained > 0) {
      print_line(
          fmt::format("    {} contained, and gave nothing",
                      counted(tally.contained, "run of its sealed module was", "runs of its sealed module were")));
    }
  }
}

/// A trustee whose clock runs ahead, or stands, has limits renewed when it likes.
void print_newest(const verify::Report& report) {
  if (!report.newest_at) return;
  const UnixMillis ahead = *report.newest_at - SystemClock().now();
  print_line(fmt::format("newest entry: {}{}", to_rfc3339(*report.newest_at),
                         ahead > kClocksApartMs ? "  WARNING: this lies ahead of this machine's clock" : ""));
}

/// Of a log that was looked at.
void print_examined(const verify::Report& report) {
  print_line(fmt::format("log {}, {}, checked from entry {} in {:.2f} s ({}/s)", to_plain(report.checkpoint.origin),
                         counted(report.checkpoint.size, "entry", "entries"), with_commas(report.from), report.seconds,
                         with_commas(static_cast<std::uint64_t>(report.entries_per_second()))));
  for (const auto& adoption : report.agreements) {
    std::vector<std::string> names;
    for (const std::string& key : adoption.signed_by) names.push_back(to_plain(key.substr(0, key.find('+'))));
    print_line(fmt::format("agreement {} version {} from {}, signed by {}", adoption.name, adoption.version,
                           to_rfc3339(adoption.at).substr(0, 19), fmt::join(names, ", ")));
  }
  std::vector<std::string> kinds;
  for (const auto& [kind, count] : report.kinds) kinds.push_back(fmt::format("{} {}", with_commas(count), kind));
  print_line(fmt::format("entries: {}", fmt::join(kinds, ", ")));
  print_newest(report);
  print_releases(report);
  print_line("");
}

void print_report(const verify::Report& report) {
  if (report.examined) print_examined(report);
  for (std::size_t i = 0; i < std::min(kShownFindings, report.findings.size()); ++i) {
    const auto& finding = report.findings[i];
    const std::string place = finding.index ? fmt::format("entry {}: ", *finding.index) : "";
    print_line(fmt::format("WRONG  {}{} [{}]", place, to_plain(finding.text), finding.slug));
  }
  if (report.findings_total > kShownFindings) {
    print_line(fmt::format("… and {} more; --json lists up to a thousand", report.findings_total - kShownFindings));
  }
  if (report.erasures_unfinished > 0) {
    print_line(counted(report.erasures_unfinished, "erasure was asked for and is not done yet",
                       "erasures were asked for and are not done yet"));
  }
  print_line(report.verdict == verify::Verdict::good
                 ? "GOOD: tree and signatures hold, and every release was agreed, in its form and within its limits."
                 : fmt::format("NOT GOOD ({}): {}.", text_of(report.verdict),
                               counted(report.findings_total, "finding", "findings")));
}

Result<verify::Report> check(const EvidenceSource& log, const VerifyOptions& options) {
  std::vector<std::string> keys = log.parties;
  keys.push_back(log.log_key);
  HF_CHECK(require_public(keys));
  HF_CHECK(require_output(options.state));
  HF_TRY(verify::Options wanted, to_verify(log));
  wanted.state_file = options.state;
  wanted.also = options.also;
  std::unique_ptr<Progress> progress;
  wanted.progress = showing(progress, "verify");
  return verify::verify(wanted);
}

Result<int> run_verify(const EvidenceSource& log, const VerifyOptions& options, bool as_json) {
  const auto report = check(log, options);
  if (!report) {
    // Nothing is proven, whatever the reason: one exit code for it, so that a cron job can tell it from a finding.
    print_error(report.error(), as_json);
    return static_cast<int>(verify::Verdict::nothing_proven);
  }
  as_json ? print_json(to_json(*report)) : print_report(*report);
  return static_cast<int>(report->verdict);
}

}  // namespace

void add_verify(CLI::App& program, Session& session) {
  const auto log = std::make_shared<EvidenceSource>();
  const auto options = std::make_shared<VerifyOptions>();
  CLI::App* command = add_command(
      program, session, "verify",
      "Check an evidence log from outside: tree, signatures, every release by its agreement",
      "  holdfast verify https://hf.example/log --party operator.vkey --party oracle.vkey --party treasury.vkey "
      "--state hf.state\n"
      "  holdfast verify ./mirror --party oracle.vkey --party treasury.vkey --party operator.vkey --json | jq "
      ".releases",
      [&session, log, options] { return run_verify(*log, *options, session.json); });
  add_evidence_source(*command, *log);
  command->add_option("--state", options->state,
                      "Remember in this file what was trusted, and go on from there next time");
  command
      ->add_option("--also", options->also,
                   "Another view of the log to hold this one against: URL, folder, checkpoint file")
      ->allow_extra_args(false);
}

}  // namespace holdfast::cli
