#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "report/entries.h"
#include "report/subjects.h"
#include "verify/verify.h"

namespace holdfast::report {

/// [from, until).
struct Period {
  UnixMillis from = std::numeric_limits<UnixMillis>::min();
  UnixMillis until = std::numeric_limits<UnixMillis>::max();
  bool holds(UnixMillis at) const { return at >= from && at < until; }
};

/// A count for each day (UTC, days since 1970) on which there was something, in their order.
class Days {
 public:
  void add(UnixMillis at, std::uint64_t count);
  void raise(UnixMillis at, std::uint64_t value);  ///< keeps the highest
  const std::vector<std::pair<std::int32_t, std::uint64_t>>& list() const { return list_; }

 private:
  std::uint64_t& of(UnixMillis at);
  std::vector<std::pair<std::int32_t, std::uint64_t>> list_;
};

/// Where a figure comes from: what `holdfast report --entries` takes, and the entries.
struct Trace {
  std::string figure;  ///< "flow:support@1"
  Entries entries;
  bool wanted = false;  ///< its entries go to Options::on_wanted
};

struct Item {
  std::string collection, field, category, form;
};

/// What was released by one flow under one version of the agreement.
struct Flow {
  Trace trace;
  std::string name, to, gives;  ///< gives: canonical JSON
  std::uint32_t agreement = 0;
  std::string use;          ///< empty when the agreement declares no such flow: a violation
  std::vector<Item> items;  ///< what was given; the category is empty when the agreement has no such field
  std::vector<std::string> limits;
  std::uint64_t releases = 0, records = 0, bytes = 0;
  bool sums = false;         ///< over all subjects: it has neither records nor subjects of its own
  std::uint64_t groups = 0;  ///< that such a flow told of, in all releases
  SubjectSet subjects;
  UnixMillis first = 0, last = 0;
  Days days;        ///< releases
  Trace contained;  ///< runs of its sealed module that were contained, and gave nothing
};

/// How evidence names whoever asked as a subject, whoever it was.
inline constexpr std::string_view kSubjectAsked = "subject";

/// What the agreement says of a party; of one that it does not know, the name alone.
struct Party {
  std::string name, role, key, operated_by;
  std::vector<std::string> countries;
  std::vector<std::string> owners;  ///< "CN 19.9 %"
};

/// A category at one recipient, over all flows.
struct Reached {
  std::string category;
  std::vector<std::string> forms;  ///< as given, the most revealing first
  std::uint64_t subjects = 0;      ///< distinct
  std::uint64_t releases = 0;
  std::vector<std::size_t> flows;  ///< of Report::flows
};

struct Recipient {
  Party party;
  bool abroad = false;  ///< some country of it is not the subjects'
  std::uint64_t subjects = 0, releases = 0, records = 0, bytes = 0;
  std::vector<std::size_t> flows;  ///< of Report::flows
  std::vector<Reached> categories;
};

struct Refusal {
  Trace trace;
  Party party;
  std::string operation, flow, use, reason;
  std::vector<std::string> categories;  ///< of a flow that the agreement declares
  std::uint64_t requests = 0;
  UnixMillis first = 0, last = 0;
  Days days;  ///< requests
};

struct Adoption {
  std::uint64_t entry = 0;
  UnixMillis at = 0;
  std::string name, sha256, party;
  std::uint32_t version = 0;
  std::vector<std::string> signed_by;  ///< verifier keys
  bool in_force = false;               ///< false: recorded and not right
  bool within = false;                 ///< in the period; else it was in force when the period began
};

/// A step in a sealed module's life.
struct ModuleChange {
  std::uint64_t entry = 0;
  UnixMillis at = 0;
  std::string kind;                    ///< of the entry
  std::string module, sha256, party;   ///< module: empty when nobody knows the hash
  std::uint32_t version = 0;           ///< of what is shown or withdrawn: 0 when it is not known
  std::string statement;               ///< hash of its envelope; of a submission and a release
  std::vector<std::string> signed_by;  ///< verifier keys, of a release
  bool right = false;                  ///< false: recorded, and had no effect
};

/// Something that the trustee did to its own system.
struct Upkeep {
  std::uint64_t entry = 0;
  UnixMillis at = 0;
  std::string kind, text;
};

struct Deposit {
  Trace trace;
  std::string collection;
  Party party;
  std::uint64_t records = 0;
  UnixMillis first = 0, last = 0;
};

struct Sweep {
  Trace trace;
  std::string collection;
  std::uint64_t records = 0, subjects = 0;
};

struct Erasure {
  std::uint64_t asked_entry = 0;
  UnixMillis asked_at = 0;
  std::optional<std::uint64_t> done_entry;
  UnixMillis done_at = 0;
};

/// Copies of all that is held on subjects, asked for and passed on by a party that serves them.
struct PassedOn {
  Trace trace;
  Party party;
  bool abroad = false;  ///< some country of it is not the subjects'
  std::uint64_t bytes = 0;
  SubjectSet subjects;
};

/// What subjects asked for. An erasure counts in the period in which it was asked for.
struct Rights {
  Trace exported, restricted, unrestricted, asked, done;
  std::uint64_t export_bytes = 0;
  std::vector<PassedOn> passed_on;  ///< of those exported, all that no subject asked for itself
  std::vector<Erasure> erasures;
};

/// How far a limit was spent, at the end of each hour; the highest of a day.
struct LimitUse {
  std::string name, text;
  std::uint64_t amount = 0;
  bool rolling = false;
  std::vector<std::string> flows;  ///< that it binds
  Days days;
  std::uint64_t highest = 0;
  UnixMillis highest_at = 0;
};

/// The evidence of a period, counted. The same log and period give the same report: it holds no time of its making.
struct Report {
  Period period;                                     ///< as asked for
  UnixMillis evidence_from = 0, evidence_until = 0;  ///< times of the log's first and last entry
  verify::Report evidence;
  std::string agreement, subjects_country;
  std::string trustee;
  std::uint64_t entries = 0;  ///< in the period
  std::optional<std::uint64_t> first_entry, last_entry;
  std::vector<Recipient> recipients;  ///< abroad first, then by name
  std::vector<Flow> flows;            ///< in order of first use
  std::vector<Refusal> refusals;
  std::vector<Adoption> adoptions;
  std::vector<ModuleChange> modules;
  std::vector<Upkeep> upkeep;
  std::vector<Deposit> deposits;
  std::vector<Sweep> sweeps;
  Rights rights;
  std::vector<LimitUse> limits;
  std::uint64_t not_listed = 0;  ///< entries left out because a table was full; more than 0 only in a log of nonsense

  /// Whether the evidence says anything of the period at all: it may end before, or begin after it. What is counted is
  /// nothing then, and means nothing.
  bool ends_before_period() const { return evidence.checkpoint.size > 0 && evidence_until < period.from; }
  bool begins_after_period() const { return evidence.checkpoint.size > 0 && evidence_from >= period.until; }
};

struct Options {
  verify::Options verify;  ///< without a state file: a report begins at the log's beginning
  Period period;
  std::vector<std::string> wanted;  ///< figures whose entries are handed over
  std::function<void(std::uint64_t index, const evidence::Entry&)> on_wanted;
};

/// Verifies the log and counts what it says, in one pass. A report over a log that is not one log
/// (Verdict::inconsistent) holds no figures. Errors: those of verify(); invalid ("report.period.empty").
Result<Report> make(Options options);

/// The whole report as one JSON object; docs/report.md lists the members.
std::string to_json(const Report& report);

}  // namespace holdfast::report
