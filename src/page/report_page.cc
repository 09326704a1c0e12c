#include "page/report_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <set>

#include "base/plain.h"
#include "page/chart.h"
#include "page/template.h"

namespace holdfast::page {
namespace {

namespace json = boost::json;
using namespace report;

constexpr UnixMillis kMinute = 60'000, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr std::size_t kFindingsShown = 200;
constexpr std::uint64_t kRunsShown = 24;
constexpr const char* kAggregate = "aggregate";
constexpr const char* kInSums = "in sums";  ///< where subjects cannot be counted, for none is told of

std::string date(UnixMillis at) { return to_rfc3339(at).substr(0, 10); }
std::string minute(UnixMillis at) {
  const std::string text = to_rfc3339(at);
  return text.substr(0, 10) + " " + text.substr(11, 5);
}
std::string share_text(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "–";
  const double percent = 100 * static_cast<double>(part) / static_cast<double>(whole);
  return part > 0 && percent < 0.1 ? "< 0.1 %" : fmt::format("{:.{}f} %", percent, percent < 10 ? 1 : 0);
}
std::string took_text(UnixMillis took) {
  if (took < 1000) return fmt::format("{} ms", took);
  if (took < kMinute) return fmt::format("{:.1f} s", static_cast<double>(took) / 1000);
  if (took < kHour) return fmt::format("{} min", took / kMinute);
  if (took < kDay) return fmt::format("{:.1f} h", static_cast<double>(took) / kHour);
  return fmt::format("{:.1f} days", static_cast<double>(took) / kDay);
}

/// Where an element of the page is found: names may hold anything, so it is by number.
class Sources {
 public:
  /// Puts "source" and "source_text" into `row`, and the figure into the last table.
  void name(json::object& row, const Trace& trace) {
    const std::string anchor = fmt::format("figure-{}", rows_.size() + 1);
    row["source"] = anchor;
    row["source_text"] = fmt::format("{}–{}", trace.entries.first(), trace.entries.last());
    if (trace.entries.count() == 1) row["source_text"] = fmt::to_string(trace.entries.first());
    rows_.push_back(json::object{{"anchor", anchor},
                                 {"figure", trace.figure},
                                 {"count", with_commas(trace.entries.count())},
                                 {"runs", trace.entries.text(kRunsShown)}});
  }
  json::array take() { return std::move(rows_); }

 private:
  json::array rows_;
};

/// Of a verifier key "name+id+public key"; the last may hold more of the sign.
struct KeyName {
  std::string name, id;
  explicit KeyName(const std::string& key) {
    const auto first = key.find('+'), second = key.find('+', first == std::string::npos ? first : first + 1);
    name = key.substr(0, first);
    if (second != std::string::npos) id = key.substr(first + 1, second - first - 1);
  }
};

std::string facts_of(const Party& party) {
  std::vector<std::string> out;
  out.push_back(party.role.empty() ? "no party of the agreement" : party.role);
  if (!party.operated_by.empty()) out.push_back("operated by " + party.operated_by);
  if (!party.owners.empty()) out.push_back(fmt::format("owned by {}", fmt::join(party.owners, ", ")));
  if (!party.key.empty()) {
    const KeyName key(party.key);
    out.push_back(fmt::format("key {}+{}", key.name, key.id));
  }
  return fmt::format("{}", fmt::join(out, " · "));
}

std::string where_of(const Party& party) {
  if (party.role.empty() && party.name == kSubjectAsked) return "a person in custody; no party";
  return party.countries.empty() ? "not in the agreement"
                                 : fmt::format("{}, {}", party.role, fmt::join(party.countries, ", "));
}

std::string gives_text(const Flow& flow) {
  std::string out, collection;
  for (const Item& item : flow.items) {
    if (item.collection != collection) {
      out += (out.empty() ? "" : "; ") + item.collection + ": ";
      collection = item.collection;
    } else {
      out += ", ";
    }
    out += item.field + " " + item.form;
  }
  return out;
}

/// One page under way: the parts share the anchors and the axis.
class Page {
 public:
  explicit Page(const Report& report)
      : report_(report),
        begin_(std::max(report.period.from, report.evidence_from)),
        end_(std::min(report.period.until - 1, report.evidence_until)),
        axis_(Axis::of(begin_, std::max(begin_, end_))) {}

  json::object view() {
    json::object out;
    put_head(out);
    put_findings(out);
    put_recipients(out);
    put_refusals(out);
    put_limits(out);
    out["changes"] = changes();
    put_rights(out);
    put_custody(out);
    json::array sources = sources_.take();
    out["has_sources"] = !sources.empty();
    out["sources"] = std::move(sources);
    return out;
  }
  std::string period_text() const {
    return begin_ > end_ ? "no entries in the period" : date(begin_) + " to " + date(end_);
  }

 private:
  std::string flow_anchor(std::size_t flow) const { return fmt::format("flow-{}", flow + 1); }

  void put_head(json::object& out) const {
    const verify::Report& evidence = report_.evidence;
    out["agreement"] = report_.agreement;
    out["subjects_country"] = report_.subjects_country;
    out["trustee"] = report_.trustee;
    out["period"] = period_text();
    const bool open = report_.period.until == Period{}.until, whole = report_.period.from == Period{}.from;
    out["period_exact"] = fmt::format("from {} {} (UTC); the log runs from {} to {}",
                                      whole ? "the log's beginning" : minute(report_.period.from),
                                      open ? "to its end" : "until before " + minute(report_.period.until),
                                      minute(report_.evidence_from), minute(report_.evidence_until));
    out["entries"] = with_commas(report_.entries);
    if (report_.first_entry) out["range"] = fmt::format("{} to {}", *report_.first_entry, *report_.last_entry);
    out["size"] = with_commas(evidence.checkpoint.size);
    out["origin"] = evidence.checkpoint.origin;
    out["root"] = to_base64(evidence.checkpoint.root.view());
    out["key"] = evidence.log_key;
    if (report_.not_listed > 0) out["not_listed"] = counted(report_.not_listed, "entry", "entries");
    std::uint64_t releases = 0, abroad = 0, refused = 0, changed = 0;
    for (const Flow& flow : report_.flows) releases += flow.releases;
    SubjectSet reached_abroad;
    std::set<std::string> recipients;
    for (const Recipient& recipient : report_.recipients) {
      recipients.insert(recipient.party.name);
      if (!recipient.abroad) continue;
      ++abroad;
      for (const std::size_t flow : recipient.flows) reached_abroad.add(report_.flows[flow].subjects);
    }
    // Whoever passes on subjects' copies sees all that is in them.
    for (const PassedOn& each : report_.rights.passed_on) {
      if (recipients.insert(each.party.name).second && each.abroad) ++abroad;
      if (each.abroad) reached_abroad.add(each.subjects);
    }
    for (const Refusal& refusal : report_.refusals) refused += refusal.requests;
    for (const Adoption& adoption : report_.adoptions) changed += adoption.within && adoption.in_force;
    json::array tiles;
    const auto tile = [&](std::uint64_t value, std::string_view one, std::string_view many, std::string rest = {}) {
      tiles.push_back(
          json::object{{"value", with_commas(value)}, {"label", std::string(value == 1 ? one : many) + rest}});
    };
    tile(releases, "release", "releases");
    tile(abroad, "recipient", "recipients", fmt::format(" abroad, of {}", recipients.size()));
    tile(reached_abroad.count(), "subject", "subjects", " of whom something went abroad");
    tile(refused, "request", "requests", " refused");
    tile(changed, "agreement", "agreements", " came into force");
    tile(report_.rights.erasures.size(), "erasure", "erasures", " asked for");
    out["tiles"] = std::move(tiles);
  }

  /// Why the figures say nothing of the period; empty when they do.
  std::string outside_text() const {
    if (report_.ends_before_period()) {
      return fmt::format("The log ends at {}, before the period begins.", minute(report_.evidence_until));
    }
    if (report_.begins_after_period()) {
      return fmt::format("The log begins at {}, after the period ends.", minute(report_.evidence_from));
    }
    return "";
  }

  void put_findings(json::object& out) const {
    const verify::Report& evidence = report_.evidence;
    const bool good = evidence.verdict == verify::Verdict::good, outside = !outside_text().empty();
    out["good"] = good;
    out["verified"] = good && !outside;
    out["outside"] = outside_text();
    out["findings_total"] = with_commas(evidence.findings_total);
    json::array findings;
    for (const verify::Finding& finding : evidence.findings) {
      if (findings.size() == kFindingsShown) break;
      findings.push_back(json::object{{"entry", finding.index ? fmt::to_string(*finding.index) : "–"},
                                      {"text", finding.text},
                                      {"code", finding.slug}});
    }
    if (evidence.findings_total > findings.size()) {
      out["findings_more"] = with_commas(evidence.findings_total - findings.size());
    }
    out["findings"] = std::move(findings);
  }

  json::object flow_row(std::size_t index) {
    const Flow& flow = report_.flows[index];
    json::object row{{"anchor", flow_anchor(index)},
                     {"name", flow.name},
                     {"agreement", flow.agreement},
                     {"use", breakable(flow.use)},
                     {"limits", fmt::format("{}", fmt::join(flow.limits, "; "))},
                     {"gives", gives_text(flow)},
                     {"releases", with_commas(flow.releases)},
                     {"contained", flow.contained.entries.count() == 0
                                       ? ""
                                       : counted(flow.contained.entries.count(), "run contained", "runs contained")},
                     {"records", flow.sums ? counted(flow.groups, "group", "groups") : with_commas(flow.records)},
                     {"subjects", flow.sums ? std::string(kInSums) : with_commas(flow.subjects.count())},
                     {"first", date(flow.first)},
                     {"last", date(flow.last)}};
    sources_.name(row, flow.trace);
    return row;
  }

  static std::string place_of(const PassedOn& each) {
    const auto& countries = each.party.countries;
    if (countries.empty()) return "not in the agreement";
    return (each.abroad ? "abroad: " : "") + fmt::format("{}", fmt::join(countries, ", "));
  }

  void put_recipients(json::object& out) {
    json::array recipients;
    for (const Recipient& recipient : report_.recipients) {
      json::array categories, flows;
      for (const Reached& reached : recipient.categories) {
        json::array by;
        for (const std::size_t flow : reached.flows) {
          by.push_back(
              json::object{{"anchor", flow_anchor(flow)}, {"name", report_.flows[flow].trace.figure.substr(5)}});
        }
        categories.push_back(json::object{
            {"category", breakable(reached.category)},
            {"forms", fmt::format("{}", fmt::join(reached.forms, ", "))},
            {"subjects", reached.forms == std::vector<std::string>{kAggregate} ? std::string(kInSums)
                                                                               : with_commas(reached.subjects)},
            {"releases", with_commas(reached.releases)},
            {"flows", std::move(by)}});
      }
      Days days;
      for (const std::size_t flow : recipient.flows) {
        flows.push_back(flow_row(flow));
        for (const auto& [day, count] : report_.flows[flow].days.list()) days.add(UnixMillis{day} * kDay, count);
      }
      const Party& party = recipient.party;
      recipients.push_back(json::object{
          {"name", party.name},
          {"abroad", recipient.abroad},
          {"countries", party.countries.empty() ? "nowhere" : fmt::format("{}", fmt::join(party.countries, ", "))},
          {"facts", facts_of(party)},
          {"releases", counted(recipient.releases, "release", "releases")},
          {"records", counted(recipient.records, "record", "records")},
          {"subjects", counted(recipient.subjects, "subject", "different subjects")},
          {"bytes", bytes_text(recipient.bytes)},
          {"chart", bars(days, axis_, true, {},
                         fmt::format("Releases to {} a {}", party.name, axis_.by_month ? "month" : "day"))},
          {"categories", std::move(categories)},
          {"flows", std::move(flows)}});
    }
    json::array passed_on;
    for (const PassedOn& each : report_.rights.passed_on) {
      passed_on.push_back(json::object{{"name", each.party.name},
                                       {"where", place_of(each)},
                                       {"copies", counted(each.trace.entries.count(), "copy", "copies")},
                                       {"subjects", counted(each.subjects.count(), "subject", "subjects")}});
    }
    out["passed_on"] = std::move(passed_on);
    out["has_recipients"] = !recipients.empty();
    out["recipients"] = std::move(recipients);
  }

  void put_refusals(json::object& out) {
    json::array refusals;
    Days days;
    for (const Refusal& refusal : report_.refusals) {
      json::object row{{"party", refusal.party.name},
                       {"where", where_of(refusal.party)},
                       {"what", refusal.flow.empty() ? refusal.operation
                                                     : fmt::format("{} by flow {}{}", refusal.operation, refusal.flow,
                                                                   refusal.use.empty() ? "" : ", for " + refusal.use)},
                       {"categories", fmt::format("{}", fmt::join(refusal.categories, ", "))},
                       {"reason", refusal.reason},
                       {"requests", with_commas(refusal.requests)},
                       {"first", minute(refusal.first)},
                       {"last", minute(refusal.last)}};
      sources_.name(row, refusal.trace);
      refusals.push_back(std::move(row));
      for (const auto& [day, count] : refusal.days.list()) days.add(UnixMillis{day} * kDay, count);
    }
    out["has_refusals"] = !refusals.empty();
    if (!refusals.empty()) {
      out["refusal_chart"] =
          bars(days, axis_, true, {}, fmt::format("Requests refused a {}", axis_.by_month ? "month" : "day"));
    }
    out["refusals"] = std::move(refusals);
  }

  void put_limits(json::object& out) const {
    json::array limits;
    for (const LimitUse& use : report_.limits) {
      limits.push_back(json::object{
          {"text", use.text},
          {"name", use.name},
          {"kind", use.rolling ? "Each counted once, over a rolling window" : "A calendar window that begins anew"},
          {"flows", fmt::format("{}", fmt::join(use.flows, ", "))},
          {"highest", with_commas(use.highest)},
          {"amount", with_commas(use.amount)},
          {"share", share_text(use.highest, use.amount)},
          {"highest_at", minute(use.highest_at)},
          {"chart", bars(use.days, axis_, false, use.amount, "Spent of " + use.text)}});
    }
    out["has_limits"] = !limits.empty();
    out["limits"] = std::move(limits);
  }

  static json::array signers(const std::vector<std::string>& keys) {
    json::array out;
    for (const std::string& each : keys) {
      const KeyName key(each);
      out.push_back(json::object{{"name", key.name}, {"id", key.id}});
    }
    return out;
  }

  json::array changes() const {
    struct Row {
      std::uint64_t entry;
      json::object view;
    };
    std::vector<Row> rows;
    for (const Adoption& adoption : report_.adoptions) {
      rows.push_back({adoption.entry,
                      {{"at", minute(adoption.at)},
                       {"what", fmt::format("Agreement {}, version {}", adoption.name, adoption.version)},
                       {"detail", "SHA-256 " + adoption.sha256},
                       {"wrong", !adoption.in_force},
                       {"earlier", !adoption.within},
                       {"by", adoption.party},
                       {"signers", signers(adoption.signed_by)},
                       {"entry", adoption.entry}}});
    }
    for (const ModuleChange& change : report_.modules) {
      const std::string_view step = std::string_view(change.kind).substr(change.kind.find('.') + 1);
      const std::string version = change.version > 0 ? fmt::format(", version {}", change.version) : "";
      rows.push_back({change.entry,
                      {{"at", minute(change.at)},
                       {"what", fmt::format("Module {}{}: {}", change.module, version, step)},
                       {"detail", "SHA-256 " + change.sha256},
                       {"wrong", !change.right},
                       {"by", change.party},
                       {"signers", signers(change.signed_by)},
                       {"entry", change.entry}}});
    }
    for (const Upkeep& doing : report_.upkeep) {
      const std::string_view what = doing.kind == "server.started"     ? "Server started"
                                    : doing.kind == "root-key.rotated" ? "Root key rotated"
                                    : doing.kind == "backup.taken"     ? "Backup taken"
                                                                       : std::string_view(doing.kind);
      rows.push_back({doing.entry,
                      {{"at", minute(doing.at)},
                       {"what", what},
                       {"detail", doing.text},
                       {"by", report_.trustee},
                       {"signers", json::array()},
                       {"entry", doing.entry}}});
    }
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.entry < b.entry; });
    json::array out;
    for (Row& row : rows) out.push_back(std::move(row.view));
    return out;
  }

  void put_rights(json::object& out) {
    const Rights& rights = report_.rights;
    json::array rows;
    const auto add = [&](std::string name, const Trace& trace, std::string remark) {
      json::object row{{"name", std::move(name)},
                       {"count", with_commas(trace.entries.count())},
                       {"remark", std::move(remark)},
                       {"source", false}};
      if (trace.entries.count() > 0) sources_.name(row, trace);
      rows.push_back(std::move(row));
    };
    const auto unfinished = static_cast<std::uint64_t>(std::count_if(
        rights.erasures.begin(), rights.erasures.end(), [](const Erasure& each) { return !each.done_entry; }));
    add("Copy of all that is held", rights.exported,
        rights.exported.entries.count() == 0 ? "" : bytes_text(rights.export_bytes) + " in all; answered at once");
    for (const PassedOn& each : rights.passed_on) {
      add(fmt::format("… passed on by {} ({})", each.party.name, place_of(each)), each.trace,
          fmt::format("of {}, {}", counted(each.subjects.count(), "subject", "subjects"), bytes_text(each.bytes)));
    }
    add("Restriction: store, do not use", rights.restricted, "");
    add("Restriction lifted", rights.unrestricted, "");
    add("Erasure asked for", rights.asked,
        unfinished == 0 ? "" : fmt::format("{} not done by the end of the log", with_commas(unfinished)));
    add("Erasure done", rights.done, "counts those asked for before the period too");
    out["rights"] = std::move(rows);

    out["has_erasures"] = !rights.erasures.empty();
    struct Span {
      std::string_view label;
      UnixMillis below;
      std::uint64_t count = 0;
    };
    Span spans[] = {{"less than a second", 1000, 0},     {"less than a minute", kMinute, 0},
                    {"less than an hour", kHour, 0},     {"less than a day", kDay, 0},
                    {"less than 30 days", 30 * kDay, 0}, {"30 days or more", Period{}.until, 0}};
    const Erasure* slowest = nullptr;
    for (const Erasure& erasure : rights.erasures) {
      if (!erasure.done_entry) continue;
      const UnixMillis took = erasure.done_at - erasure.asked_at;
      std::find_if(std::begin(spans), std::end(spans), [&](const Span& span) { return took < span.below; })->count++;
      if (!slowest || took > slowest->done_at - slowest->asked_at) slowest = &erasure;
    }
    json::array table;
    const auto row = [&](std::string_view label, std::uint64_t count) {
      table.push_back(json::object{
          {"label", label}, {"count", with_commas(count)}, {"share", share_text(count, rights.erasures.size())}});
    };
    for (const Span& span : spans) row(span.label, span.count);
    row("not done yet", unfinished);
    out["spans"] = std::move(table);
    out["slowest"] = slowest ? fmt::format("The slowest took {}: asked for in entry {}, done in entry {}.",
                                           took_text(slowest->done_at - slowest->asked_at), slowest->asked_entry,
                                           *slowest->done_entry)
                             : "None of them is done.";
  }

  void put_custody(json::object& out) {
    json::array rows;
    for (const Deposit& deposit : report_.deposits) {
      json::object row{{"collection", deposit.collection},
                       {"what", fmt::format("deposited by {} ({}), {} to {}", deposit.party.name,
                                            where_of(deposit.party), date(deposit.first), date(deposit.last))},
                       {"records", with_commas(deposit.records)}};
      sources_.name(row, deposit.trace);
      rows.push_back(std::move(row));
    }
    for (const Sweep& sweep : report_.sweeps) {
      json::object row{{"collection", sweep.collection},
                       {"what", "destroyed, kept for as long as agreed"},
                       {"records", with_commas(sweep.records)}};
      sources_.name(row, sweep.trace);
      rows.push_back(std::move(row));
    }
    out["has_custody"] = !rows.empty();
    out["custody"] = std::move(rows);
  }

  const Report& report_;
  const UnixMillis begin_, end_;
  const Axis axis_;
  Sources sources_;
};

}  // namespace

std::string report_page(const report::Report& report) {
  Page made(report);
  return page(fmt::format("Report: {}, {}", report.agreement, made.period_text()), report_template(), made.view());
}

}  // namespace holdfast::page
