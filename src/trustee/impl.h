#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "trustee/aggregate_tables.h"
#include "trustee/job_runner.h"
#include "trustee/loops/await.h"
#include "trustee/loops/commit_queue.h"
#include "trustee/loops/turns.h"
#include "trustee/modules/files.h"
#include "trustee/modules/products.h"
#include "trustee/modules/runs.h"
#include "trustee/refusals.h"
#include "trustee/state.h"
#include "trustee/trustee.h"

namespace holdfast::trustee {

/// What the operations share. Members are in the order in which they depend on each other, and end in reverse.
struct Trustee::Impl {
  storage::Store& store;
  vault::RootKeys& roots;
  const Clock& clock;
  TrusteeOptions options;
  std::unique_ptr<vault::Vault> vault;
  std::unique_ptr<State> state;
  std::unique_ptr<evidence::Log> log;
  std::unique_ptr<CommitQueue> commits;
  std::unique_ptr<Refusals> refusals;
  std::unique_ptr<Runs> runs;  ///< null: no sealed modules are run here
  Key256 run_seeds;            ///< makes a run's seed of what stands in its entry
  std::unique_ptr<ModuleFiles> module_files;
  std::unique_ptr<Products> products;
  std::unique_ptr<AggregateTables> aggregate_tables;
  std::unique_ptr<JobRunner> job_runner;
  std::atomic<bool> log_failed = false;
  std::atomic<std::size_t> import_bytes = 0;  ///< of streams, that imports have memory for
  std::mutex admitting;         ///< one module is tried at a time, which takes a core for seconds; the next is told so
  std::mutex module_documents;  ///< a module's documents and its entry come together, or the documents go again
  std::mutex adopting;          ///< an agreement's document and its entry come together: one at a time
  std::mutex aggregating;       ///< all records are read for one flow at a time; the next is told so
  boost::asio::thread_pool jobs;
  boost::asio::thread_pool erasures{
      1};  ///< one at a time: each rewrites the engine's key files, and waits for a backup
  boost::asio::thread_pool long_jobs{2};  ///< rotation, backup, sums: behind requests, and not before jobs

  std::mutex sweep_mutex;
  std::condition_variable sweep_wake;
  std::atomic<bool> stopping = false;
  std::string sweep_failure;  ///< of the last sweep; empty when it went well
  std::thread sweeper;

  Impl(storage::Store& s, vault::RootKeys& r, const Clock& c, TrusteeOptions o)
      : store(s), roots(r), clock(c), options(std::move(o)), jobs(options.job_threads) {}

  // ---- who and plan
  /// unavailable "agreement.none" before the first adoption.
  Result<std::shared_ptr<const Active>> active() const;
  /// The calling party; refused "caller.party" for a subject or a party the agreement does not know.
  Result<agreement::PartyIndex> party(const Active& active, const Caller& caller) const;
  /// Only the trustee itself: refused "caller.trustee", on record.
  Result<void> require_trustee(const Caller& caller, const char* operation);
  /// May the caller ask this for `subject`: the subject itself, or a party that serves it. Answers what evidence
  /// calls the caller.
  Result<std::string> serves(const Active& active, const Caller& caller, const std::string& subject) const;
  /// The trustee's name under the agreement in force.
  std::string own_name() const;

  /// May this subject be read, of its own and together with others: neither restricted nor erased?
  bool readable(const vault::Subject& subject) const;

  // ---- record
  evidence::Entry entry(const Active& active, std::string party, evidence::Event event) const;
  Task<evidence::Appended> append(evidence::Entry entry);
  /// Blocks; for job threads.
  Result<evidence::Appended> append_now(std::string party, evidence::Event event);
  /// Remembers that the log is closed for good, for readiness.
  void watch(const Error& error);
  void refuse(const Caller& caller, const char* operation, const std::string& flow, const Error& error);

  // ---- sealed modules
  /// Loads what the flows of the agreement in force run, and drops the rest; on a job thread, some time from now.
  void refresh_modules();
  /// What flows run now.
  std::vector<Loadable> modules_in_force() const;
  /// From custody. Errors: corrupt module.missing; not_found product.missing; those of Products::get.
  Result<Runs::Parts> module_parts(const Loadable& what) const;
  /// What random_get gives in a run that is recorded as `run`.
  std::array<std::uint8_t, 32> seed_of(const evidence::ModuleRun& run) const;
  /// Puts the end of a job on record, or why it cannot be; deletes products that are not in force. False when the log
  /// takes nothing.
  bool end_job(std::uint64_t job, const evidence::Event& end);
  void keep_products();

  // ---- upkeep
  Result<void> start();
  Result<void> finish_erasures();
  /// What an old copy of the keys brought back of those whom the log has as erased goes again.
  Result<void> erase_again();
  void sweep_until_stopped();
  /// One pass over all lockers.
  Result<void> sweep();
};

/// Evidence never says more of a subject than its pseudonym; a subject that asks for itself is "subject".
inline constexpr std::string_view kSubjectItself = "subject";

/// What `flow` runs now. Errors: refused module.none, product.none.
Result<Loadable> loadable_of(const ledger::Ledger& ledger, const agreement::Flow& flow);
evidence::RunSeed new_run_seed();

/// The collection, if the caller may deposit into it. Refusals, on record: "collection.unknown", "collection.party".
Result<agreement::CollectionIndex> depositable(Trustee::Impl& self, const Active& active, const Caller& caller,
                                               const std::string& name);

/// SHA-256(salt || payload): with a fresh salt nobody can guess a small payload from the public log.
struct Salted {
  Bytes salt;
  Hash digest;
};
Salted salted(ByteView payload);

}  // namespace holdfast::trustee
