#include "report/report.h"

#include <algorithm>

#include "base/near.h"
#include "report/counter.h"

namespace holdfast::report {

namespace {

/// Every one of `wanted` is a figure of the report.
Result<void> check_known(const std::vector<std::string>& wanted, const Report& report) {
  std::vector<std::string> known;
  const auto add = [&](const auto& rows) {
    for (const auto& row : rows) known.push_back(row.trace.figure);
  };
  add(report.flows);
  for (const Flow& flow : report.flows) known.push_back(flow.contained.figure);
  add(report.refusals);
  add(report.deposits);
  add(report.sweeps);
  const Rights& rights = report.rights;
  add(rights.passed_on);
  for (const Trace* trace : {&rights.exported, &rights.restricted, &rights.unrestricted, &rights.asked, &rights.done}) {
    known.push_back(trace->figure);
  }
  for (const std::string& figure : wanted) {
    if (std::find(known.begin(), known.end(), figure) != known.end()) continue;
    const std::vector<std::string_view> names(known.begin(), known.end());
    return fail(Code::invalid, "report.figure.unknown", figure,
                "the report of this period has no such figure" + did_you_mean(figure, names));
  }
  return {};
}

}  // namespace

Result<Report> make(Options options) {
  if (options.period.from >= options.period.until) {
    return fail(Code::invalid, "report.period.empty", "", "the period ends before it begins");
  }
  Report report;
  report.period = options.period;
  Counter counter(options, report);
  options.verify.state_file.clear();  // or what it has seen would not be counted
  options.verify.listener = &counter;
  HF_TRY(verify::Report evidence, verify::verify(options.verify));
  if (evidence.verdict == verify::Verdict::inconsistent) report = Report{};
  report.period = options.period;
  report.evidence = std::move(evidence);
  if (report.evidence.verdict != verify::Verdict::inconsistent) HF_CHECK(check_known(options.wanted, report));
  return report;
}

}  // namespace holdfast::report
