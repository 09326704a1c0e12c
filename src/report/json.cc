#include <boost/json.hpp>
#include <chrono>

#include "report/report.h"

namespace holdfast::report {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kRunsListed = 1000;
constexpr std::size_t kErasuresListed = 10'000;

/// First and last entry of each run; `more_runs` are to be had with --entries.
json::object traced(const Trace& trace) {
  json::array runs;
  trace.entries.each_run([&](std::uint64_t first, std::uint64_t last) {
    if (runs.size() == kRunsListed) return false;
    runs.push_back(json::array{first, last});
    return true;
  });
  const std::uint64_t more = trace.entries.runs() - runs.size();
  return {{"figure", trace.figure}, {"entries", trace.entries.count()}, {"runs", std::move(runs)}, {"more_runs", more}};
}

json::object days_json(const Days& days) {
  json::object out;
  for (const auto& [day, count] : days.list()) out[date_from_days(day)] = count;
  return out;
}

json::array strings(const std::vector<std::string>& list) {
  json::array out;
  for (const std::string& each : list) out.emplace_back(each);
  return out;
}

json::object party_json(const Party& party) {
  json::object out{{"name", party.name}};
  if (party.role.empty()) return out;  // the agreement does not know it
  out["role"] = party.role;
  out["countries"] = strings(party.countries);
  out["owners"] = strings(party.owners);
  if (!party.operated_by.empty()) out["operated_by"] = party.operated_by;
  if (!party.key.empty()) out["key"] = party.key;
  return out;
}

json::object flow_json(const Flow& flow) {
  json::array items;
  for (const Item& item : flow.items) {
    items.push_back(json::object{
        {"collection", item.collection}, {"field", item.field}, {"category", item.category}, {"form", item.form}});
  }
  return {{"flow", flow.name},
          {"to", flow.to},
          {"agreement", flow.agreement},
          {"use", flow.use},
          {"method", flow.sums ? "sums over all subjects, with noise, on the recipient's request over mutual TLS"
                               : "one subject a release, on the recipient's request over mutual TLS"},
          {"gives", std::move(items)},
          {"limits", strings(flow.limits)},
          {"releases", flow.releases},
          {"records", flow.records},
          {"groups", flow.groups},
          {"bytes", flow.bytes},
          {"subjects", flow.subjects.count()},
          {"first", to_rfc3339(flow.first)},
          {"last", to_rfc3339(flow.last)},
          {"releases_by_day", days_json(flow.days)},
          {"contained", flow.contained.entries.count()},
          {"from", traced(flow.trace)},
          {"contained_from", traced(flow.contained)}};
}

json::object recipient_json(const Report& report, const Recipient& recipient) {
  const auto figures = [&](const std::vector<std::size_t>& flows) {
    json::array out;
    for (const std::size_t i : flows) out.emplace_back(report.flows[i].trace.figure);
    return out;
  };
  json::array categories;
  for (const Reached& reached : recipient.categories) {
    categories.push_back(json::object{{"category", reached.category},
                                      {"forms", strings(reached.forms)},
                                      {"subjects", reached.subjects},
                                      {"releases", reached.releases},
                                      {"figures", figures(reached.flows)}});
  }
  return {{"party", party_json(recipient.party)}, {"abroad", recipient.abroad},
          {"subjects", recipient.subjects},       {"releases", recipient.releases},
          {"records", recipient.records},         {"bytes", recipient.bytes},
          {"categories", std::move(categories)},  {"figures", figures(recipient.flows)}};
}

json::object refusal_json(const Refusal& refusal) {
  return {{"party", party_json(refusal.party)},
          {"operation", refusal.operation},
          {"flow", refusal.flow},
          {"use", refusal.use},
          {"categories", strings(refusal.categories)},
          {"reason", refusal.reason},
          {"requests", refusal.requests},
          {"first", to_rfc3339(refusal.first)},
          {"last", to_rfc3339(refusal.last)},
          {"requests_by_day", days_json(refusal.days)},
          {"from", traced(refusal.trace)}};
}

json::object rights_json(const Rights& rights) {
  json::array erasures;
  for (const Erasure& erasure : rights.erasures) {
    if (erasures.size() == kErasuresListed) break;
    json::object one{{"asked_entry", erasure.asked_entry}, {"asked", to_rfc3339(erasure.asked_at)}};
    if (erasure.done_entry) {
      one["done_entry"] = *erasure.done_entry;
      one["done"] = to_rfc3339(erasure.done_at);
      one["took_ms"] = erasure.done_at - erasure.asked_at;
    }
    erasures.push_back(std::move(one));
  }
  const std::uint64_t more = rights.erasures.size() - erasures.size();
  json::array passed_on;
  for (const PassedOn& each : rights.passed_on) {
    passed_on.push_back(json::object{{"party", party_json(each.party)},
                                     {"abroad", each.abroad},
                                     {"subjects", each.subjects.count()},
                                     {"bytes", each.bytes},
                                     {"from", traced(each.trace)}});
  }
  return {{"exports",
           json::object{
               {"bytes", rights.export_bytes}, {"from", traced(rights.exported)}, {"passed_on", std::move(passed_on)}}},
          {"restrictions", json::object{{"from", traced(rights.restricted)}}},
          {"restrictions_lifted", json::object{{"from", traced(rights.unrestricted)}}},
          {"erasures_asked", json::object{{"from", traced(rights.asked)}}},
          {"erasures_done", json::object{{"from", traced(rights.done)}}},
          {"erasures", std::move(erasures)},
          {"more_erasures", more}};
}

json::array changes_json(const Report& report) {
  json::array out;
  for (const Adoption& adoption : report.adoptions) {
    out.push_back(json::object{{"entry", adoption.entry},
                               {"kind", "agreement.adopted"},
                               {"at", to_rfc3339(adoption.at)},
                               {"name", adoption.name},
                               {"version", adoption.version},
                               {"sha256", adoption.sha256},
                               {"adopted_by", adoption.party},
                               {"signed_by", strings(adoption.signed_by)},
                               {"right", adoption.in_force},
                               {"in_period", adoption.within}});
  }
  for (const ModuleChange& change : report.modules) {
    json::object row{{"entry", change.entry},   {"kind", change.kind},     {"at", to_rfc3339(change.at)},
                     {"module", change.module}, {"sha256", change.sha256}, {"by", change.party},
                     {"right", change.right}};
    if (change.version > 0) row["version"] = change.version;
    if (!change.statement.empty()) row["statement"] = change.statement;
    if (!change.signed_by.empty()) row["signed_by"] = strings(change.signed_by);
    out.push_back(std::move(row));
  }
  for (const Upkeep& doing : report.upkeep) {
    out.push_back(
        json::object{{"entry", doing.entry}, {"kind", doing.kind}, {"at", to_rfc3339(doing.at)}, {"what", doing.text}});
  }
  return out;
}

json::object evidence_json(const verify::Report& evidence) {
  json::array findings;
  for (const verify::Finding& finding : evidence.findings) {
    json::object one{{"code", finding.slug}, {"detail", finding.text}};
    if (finding.index) one["entry"] = *finding.index;
    findings.push_back(std::move(one));
  }
  constexpr std::string_view kVerdicts[] = {"good", "nothing proven", "violations", "inconsistent"};
  return {{"verdict", kVerdicts[static_cast<std::size_t>(evidence.verdict)]},
          {"origin", evidence.checkpoint.origin},
          {"size", evidence.checkpoint.size},
          {"root", to_base64(evidence.checkpoint.root.view())},
          {"key", evidence.log_key},
          {"findings_total", evidence.findings_total},
          {"findings", std::move(findings)}};
}

template <class List, class Make>
json::array each(const List& list, const Make& make) {
  json::array out;
  for (const auto& one : list) out.push_back(make(one));
  return out;
}

}  // namespace

std::string to_json(const Report& report) {
  json::object period;
  if (report.period.from != Period{}.from) period["from"] = to_rfc3339(report.period.from);
  if (report.period.until != Period{}.until) period["until"] = to_rfc3339(report.period.until);
  period["evidence_from"] = to_rfc3339(report.evidence_from);
  period["evidence_until"] = to_rfc3339(report.evidence_until);
  period["entries"] = report.entries;
  period["covered"] = !report.ends_before_period() && !report.begins_after_period();
  if (report.first_entry) period["first_entry"] = *report.first_entry;
  if (report.last_entry) period["last_entry"] = *report.last_entry;
  return json::serialize(json::object{
      {"report", 1},
      {"agreement", report.agreement},
      {"subjects_country", report.subjects_country},
      {"trustee", report.trustee},
      {"period", std::move(period)},
      {"evidence", evidence_json(report.evidence)},
      {"recipients", each(report.recipients, [&](const Recipient& one) { return recipient_json(report, one); })},
      {"flows", each(report.flows, flow_json)},
      {"refusals", each(report.refusals, refusal_json)},
      {"changes", changes_json(report)},
      {"deposits", each(report.deposits,
                        [](const Deposit& one) {
                          return json::object{{"collection", one.collection}, {"party", party_json(one.party)},
                                              {"records", one.records},       {"first", to_rfc3339(one.first)},
                                              {"last", to_rfc3339(one.last)}, {"from", traced(one.trace)}};
                        })},
      {"retention", each(report.sweeps,
                         [](const Sweep& one) {
                           return json::object{{"collection", one.collection},
                                               {"records", one.records},
                                               {"subjects", one.subjects},
                                               {"from", traced(one.trace)}};
                         })},
      {"rights", rights_json(report.rights)},
      {"limits", each(report.limits,
                      [](const LimitUse& one) {
                        return json::object{{"name", one.name},
                                            {"text", one.text},
                                            {"amount", one.amount},
                                            {"rolling", one.rolling},
                                            {"flows", strings(one.flows)},
                                            {"highest", one.highest},
                                            {"highest_at", to_rfc3339(one.highest_at)},
                                            {"spent_by_day", days_json(one.days)}};
                      })},
      {"not_listed", report.not_listed}});
}

}  // namespace holdfast::report
