#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ledger/ledger.h"
#include "ledger/spending.h"
#include "sealed/provenance/statement.h"

namespace holdfast::ledger {

using PseudonymSet = std::unordered_set<Pseudonym, FixedHasher>;

/// What the ledger knows. Shared by its rules (rules.cc), its adoptions (adoption.cc) and its snapshots.
struct Ledger::State {
  DocumentReader documents;     // notes in `unread` what it cannot have
  std::optional<Error> unread;  // by the entry that was applied last
  std::vector<VerifierKey> first_keys;

  agreement::PlanPtr plan;
  std::vector<Spending> spendings;  // one for each of plan->limits
  /// What the rolling ones have counted.
  struct Seen {
    Numbers numbers;
    std::uint32_t kept = 0;  ///< how many were left at the last tidying
  };
  Seen subjects, devices;
  std::vector<Adoption> adoptions;

  std::vector<Job> jobs;  // in order
  std::map<std::string, Product, std::less<>> products;

  std::map<std::string, Aggregated, std::less<>> aggregates;  // by flow

  UnixMillis newest_at = 0;
  PseudonymSet restricted, erasing, erased;

  std::map<Hash, SubmittedModule> submitted;
  std::map<std::string, ReleasedModule, std::less<>> module_releases;  // by name

  std::vector<Tally> tallies;
  std::vector<std::uint32_t> tally_of_flow;  // the newest tally of each of plan->flows, or kNoTally
  static constexpr std::uint32_t kNoTally = ~0u;
  static constexpr std::size_t kTalliesMax = 4096;  // only a log of forgeries has more; each is a finding anyway

  // An adoption is judged when it is admitted and again when it is applied: a right one the second time from here.
  struct Judged {
    Hash document;
    std::vector<std::string> signed_by;
    std::uint32_t version = 0;
    agreement::PlanPtr plan;
  };
  std::optional<Judged> judged;

  /// Is `name` a party of the agreement in force?
  bool knows(std::string_view name) const { return plan && plan->find_party(name).has_value(); }
  bool is_trustee(std::string_view name) const { return plan && plan->parties[plan->trustee()].name == name; }

  /// Is `entry` right, its time aside?
  Result<void> judge(const evidence::Entry& entry);

  // modules.cc: what `party` may do to a sealed module under the agreement in force.
  Result<void> unused(std::string_view module, std::uint32_t version) const;
  Result<void> may_submit(std::string_view party, const evidence::ModuleSubmitted& submitted) const;
  Result<void> may_be_shown(std::string_view party, const evidence::ModuleShown& shown) const;
  Result<void> may_release(std::string_view party, const evidence::ModuleReleased& released) const;
  Result<void> may_withdraw(std::string_view party, const evidence::ModuleWithdrawn& withdrawn) const;
  /// Takes in what is right and about a module; other kinds change nothing.
  void take_module(const evidence::Entry& entry);

  /// The plan that `adopted` brings into force, or why it may not.
  Result<agreement::PlanPtr> judge(const evidence::AgreementAdopted& adopted);
  /// What `limit`, of the agreement that comes, goes on from: the limit of the same name, or a threshold of the same
  /// rule over the same recipients. Null if there is none.
  const Spending* predecessor(const agreement::Limit& limit) const;
  /// Makes `next` the plan in force; limits of the same name keep what they have spent.
  void put_in_force(agreement::PlanPtr next, UnixMillis at);

  // jobs.cc: runs of a module over all subjects, and what they make.
  /// Is a module run as `flow` says: with the product in force, by the job that made it, or with none?
  Result<void> runs_with(const agreement::Flow& flow, const std::optional<std::uint64_t>& product) const;
  Result<const Job*> open_job(std::uint64_t id) const;
  Result<void> may_start(const evidence::JobStarted& started) const;
  /// Its flow.
  Result<agreement::FlowIndex> may_finish(std::uint64_t job) const;
  void start_job(std::uint64_t index, const evidence::Entry& entry, const evidence::JobStarted& started);
  void finish_job(const evidence::JobFinished& finished, UnixMillis at);
  void end_job(std::uint64_t index, const evidence::Entry& entry, std::uint64_t job);
  /// What was made under `before` and could carry more than `plan` says goes.
  void drop_products(const agreement::Plan& before);

  /// May `subject` be read at all?
  Result<void> readable(const Pseudonym& subject) const;
  /// `told_of`: the devices, as the entry of a release has them; null before they are known, and what counts them is
  /// then left out.
  Result<void> within_limits(const agreement::Flow& flow, const Pseudonym& subject,
                             const std::vector<Pseudonym>* told_of, std::uint64_t records, UnixMillis at) const;
  void spend(const agreement::Flow& flow, const Pseudonym& subject, const std::vector<Pseudonym>* told_of,
             std::uint64_t records, UnixMillis at);

  // runs.cc: flows that run a module.
  /// The module of that name in force; null without one.
  const ReleasedModule* released_module(std::string_view module) const;
  /// Is it run exactly as `flow` says: the module of its name that is in force, or none where it runs none?
  Result<void> may_run(const agreement::Flow& flow, const evidence::ModuleRun* run) const;
  void take_failed_run(const evidence::Entry& entry, const evidence::RunFailed& failed);

  // aggregates.cc: sums over all subjects.
  /// What was released by `flow` in the window of `at`; null if nothing was.
  const Aggregated* aggregated(std::string_view flow, UnixMillis at) const;
  Result<void> may_aggregate(const agreement::Flow& flow, const evidence::AggregateReleased& released,
                             UnixMillis at) const;
  void take_aggregate(const evidence::Entry& entry, const evidence::AggregateReleased& released);

  /// Time has gone on to `at`: rolling limits let go, and what none counts any longer loses its number, when there has
  /// become as much of it as of the rest.
  void advance(UnixMillis at);
  void tidy(Seen& seen, bool counts_devices);
  std::optional<agreement::FlowIndex> find_flow(std::string_view name) const;
  /// One more release, of what tally_of answers.
  static void count(Tally* tally, std::uint64_t records, std::uint64_t bytes);
  /// Null when there are too many. `flow`: where it is declared.
  Tally* tally_of(const evidence::Entry& entry, std::string_view name, std::string_view to, std::string_view gives,
                  std::optional<agreement::FlowIndex> flow);
};

/// The signed note of an agreement, as `documents` has it, held up to the hash of its text.
struct Document {
  Note note;
  agreement::PlanPtr plan;
};
Result<Document> read_document(const DocumentReader& documents, const Hash& hash);

/// A module's statement and who signed it, as `documents` has it.
struct SignedStatement {
  sealed::Envelope envelope;
  sealed::ModuleStatement statement;
  Hash said;  ///< SHA-256 of the statement alone
};
Result<SignedStatement> read_statement(const DocumentReader& documents, const Hash& hash);

tl::unexpected<Error> wrong_party(std::string_view party, std::string_view kind);

/// The modules in a snapshot.
void put_modules(Bytes& out, const std::map<Hash, Ledger::SubmittedModule>& submitted,
                 const std::map<std::string, Ledger::ReleasedModule, std::less<>>& releases);
void take_modules(ByteReader& in, std::map<Hash, Ledger::SubmittedModule>& submitted,
                  std::map<std::string, Ledger::ReleasedModule, std::less<>>& releases);

/// A name from an entry, fit for a message: at most 64 bytes, nothing that a terminal would act on.
std::string shown(std::string_view name);

}  // namespace holdfast::ledger
