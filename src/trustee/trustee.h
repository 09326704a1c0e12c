#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agreement/agreement.h"
#include "base/clock.h"
#include "base/result.h"
#include "evidence/log.h"
#include "storage/store.h"
#include "trustee/caller.h"
#include "trustee/loops/task.h"
#include "trustee/modules/runs.h"
#include "vault/vault.h"

namespace holdfast::trustee {

/// What leaves for a recipient, with what proves it.
struct Disclosure {
  std::string payload;                   ///< JSON object: collection → fields, or an array of rows
  std::uint64_t receipt = 0;             ///< index of its entry in the evidence
  Bytes salt;                            ///< 16 bytes: the entry's digest is SHA-256(salt || payload)
  std::optional<std::uint64_t> version;  ///< of the record, when the flow gives just one
  std::optional<UnixMillis> renews_at;   ///< of an aggregate: until then the same figures are all there is
};
struct BatchItem {
  std::string subject;
  Result<Disclosure> disclosure;
};

struct Deposit {
  enum class Outcome : std::uint8_t { created, replaced, unchanged } outcome = Outcome::created;
  std::uint64_t version = 0;  ///< 0 for rows
  std::uint64_t receipt = 0;
};

struct Erasure {
  std::uint64_t asked = 0, done = 0;  ///< indices of the two entries; 0 when the log had them before (a restore)
};

/// What a batch of rows came to.
struct ImportSummary {
  std::uint64_t rows = 0, accepted = 0, unchanged = 0, rejected = 0;
  std::uint64_t first_receipt = 0, last_receipt = 0;  ///< of the deposited entries, when accepted > 0
  struct Problem {
    std::uint64_t line = 0;
    std::string field, code, detail;
  };
  std::vector<Problem> problems;  ///< the first kImportProblemsMax
};
inline constexpr std::size_t kImportProblemsMax = 100;
/// So many rows wait for each other: the more, the more of one subject's rows share one opening and one sealing.
inline constexpr std::size_t kImportBatchRows = 262144;
inline constexpr std::size_t kImportBatchBytes = 32u << 20;  ///< of the stream; bounds what waits when rows are long

enum class ImportFormat : std::uint8_t { ndjson, csv };

class Trustee;

/// A stream of rows into one collection: NDJSON objects or CSV with a header, with the members `subject`, for an
/// append-only collection its key's name, and the collection's fields. Rows are deposited in batches, each with its
/// own entry; a bad row is told and passed over. Not for two threads at once.
class Import {
 public:
  virtual ~Import() = default;
  /// Takes the next bytes, cut anywhere. Waits while the vault is behind.
  virtual Task<void> write(std::string bytes) = 0;
  /// The rest, and the sum.
  virtual Task<ImportSummary> finish() = 0;
};

struct TrusteeOptions {
  std::chrono::seconds sweep_every{3600};
  unsigned job_threads = 4;
  /// Of streams, that may wait in all imports together; beyond it each deposits what it has piece by piece.
  std::size_t import_bytes_max = 128u << 20;
  std::string software = "holdfast";
  agreement::PackReader packs;          ///< the rule packs at hand when an agreement is adopted; none without
  std::optional<SealedOptions> sealed;  ///< none: flows that run a module are refused
  Hash binary;                          ///< of this program's own file, into "server.started"
};

/// What the trustee does, one operation a call. Every one goes the same way: who, plan, limit, read, form, inspect,
/// record, release; a refusal takes it too and is recorded. Thread-safe; coroutines resume on the executor that
/// awaits them.
class Trustee {
 public:
  /// Opens the vault and the log on `store`, folds the log, finishes the erasures left unfinished.
  /// `store`, `roots` and `clock` must outlive it.
  static Result<std::unique_ptr<Trustee>> open(storage::Store& store, vault::RootKeys& roots, SigningKey log_key,
                                               const Clock& clock, TrusteeOptions options);
  ~Trustee();

  // ---- disclosure
  /// Refusals: flow.unknown, flow.party (not this party's flow), flow.kind.unavailable, limit.exceeded,
  /// subject.restricted, subject.erased; not_found vault.subject.unknown. All before anything is read or said.
  /// Of a flow that runs a sealed module also module.none; and when its run was contained, sealed.run.<how>.
  Task<Disclosure> disclose(Caller caller, std::string flow, std::string subject);
  /// Many under one sync; an item that fails does not stop the others.
  Async<std::vector<BatchItem>> disclose_batch(Caller caller, std::string flow, std::vector<std::string> subjects);

  /// Sums over all subjects by a flow that aggregates, of a JSON that disclosure::Aggregator describes. The first call
  /// within a window of the privacy budget spends it, and takes as long as all records take to read; the others answer
  /// the same bytes. Refusals: flow.unknown, flow.party; exhausted flow.kind (it gives single subjects); exhausted
  /// aggregate.spent (on other terms), aggregate.groups, aggregate.large. unavailable aggregate.busy.
  Task<Disclosure> aggregate(Caller caller, std::string flow);

  // ---- deposit
  /// One record of a collection without a key. `json` is an object of fields. With `idempotency_key` a retry
  /// answers what the first call answered.
  Task<Deposit> put_record(Caller caller, std::string collection, std::string subject, std::string json,
                           vault::Expect expect, std::optional<std::string> idempotency_key);
  /// One row of an append-only collection; `idempotency_key` likewise.
  Task<Deposit> append_row(Caller caller, std::string collection, std::string subject, std::string key,
                           std::string json, std::optional<std::string> idempotency_key = std::nullopt);
  /// Who may not deposit is refused here, before any byte is taken.
  Result<std::unique_ptr<Import>> import(const Caller& caller, const std::string& collection, ImportFormat format,
                                         std::optional<std::string> idempotency_key);

  // ---- what a subject may ask for, itself or through a party that serves it
  /// Everything held, with categories, and who received what when: JSON.
  Task<Disclosure> export_subject(Caller caller, std::string subject);
  Task<std::uint64_t> restrict(Caller caller, std::string subject);
  Task<std::uint64_t> unrestrict(Caller caller, std::string subject);
  /// Returns when nothing of the subject can be read any more, from no file.
  Task<Erasure> erase(Caller caller, std::string subject);

  // ---- governing and keeping
  /// `note` is the signed agreement; answers the adoption's index.
  Task<std::uint64_t> adopt(Caller caller, std::string note);
  /// Trustee only. Answers how many data keys were wrapped anew.
  Task<std::uint64_t> rotate_root_key(Caller caller);
  /// Trustee only: a consistent copy, keys apart.
  Task<void> backup(Caller caller, std::string directory, std::string keys_directory);
  /// For the trustee and the overseer: JSON with agreement, log size, budgets, erasures, storage.
  Result<std::string> status(const Caller& caller) const;

  // ---- sealed modules: a party's, its envelope's signatures are the authority
  /// Admits a module: reads it, compiles it and tries it in a jailed worker, and puts it on record. `submission`: JSON
  /// of the module's file and of its statement's envelope, signed by the caller (module_submission.h). Answers the
  /// index of module.submitted. Blocks a job thread for seconds. Errors, on record: those of parse_submission,
  /// admit_module and the ledger; module.unsigned, module.hash.other, module.known. Not on record: unavailable
  /// module.busy.
  Task<std::uint64_t> submit_module(Caller caller, std::string submission);
  /// Statement, signatures and report of a submitted module, as JSON; that the caller was shown it is on record.
  Task<std::string> show_module(Caller caller, std::string hash_hex);
  /// From its entry on, flows run it. `envelope`: the statement as it was submitted, with the signatures it needs.
  Task<std::uint64_t> release_module(Caller caller, std::string hash_hex, std::string envelope);
  Task<std::uint64_t> withdraw_module(Caller caller, std::string hash_hex);
  /// All that are submitted and not withdrawn, as JSON.
  Result<std::string> modules(const Caller& caller) const;
  /// What a module wrote to its stderr of late, since the server's start, as text; on record before it is shown. For
  /// the trustee and the overseer.
  Task<Disclosure> module_log(Caller caller, std::string module);

  // ---- jobs: the module of a flow that makes a product runs over all subjects
  /// Trustee only. Answers the job's name, the index of its job.started; it runs on by itself, also after a restart.
  /// Refusals: flow.unknown, job.undeclared, module.none, product.none; conflict job.running.
  Task<std::uint64_t> start_job(Caller caller, std::string flow);
  /// Trustee only. Answers the entry's index. not_found job.unknown; conflict job.ended.
  Task<std::uint64_t> cancel_job(Caller caller, std::uint64_t job);
  /// For the trustee and the overseer, as JSON: those that run and the last that ended, or one. not_found job.unknown.
  Result<std::string> jobs(const Caller& caller) const;
  Result<std::string> job(const Caller& caller, std::uint64_t job) const;

  // ---- public
  /// The envelope of a statement that the log names, by its hash in hex.
  Result<std::string> module_statement(std::string_view hash_hex) const;
  evidence::Log& log();
  /// The signed note of an agreement that was adopted, by its hash in hex; and the one in force.
  Result<std::string> agreement_note(std::string_view hash_hex) const;
  Result<std::string> agreement_note() const;
  bool has_agreement() const;
  /// Can it serve? unavailable: "agreement.none" before the first adoption, "evidence.log.failed" once the log is
  /// closed for good after a failed write: then nothing leaves until a restart.
  Result<void> ready() const;
  /// What is left of each limit, for metrics: (limit, amount, spent).
  struct Budget {
    std::string limit;
    std::uint64_t amount, spent;
  };
  std::vector<Budget> budgets() const;
  std::vector<std::pair<std::string, std::uint64_t>> statistics() const;

  struct Impl;  ///< what the operations share; this room's own (impl.h)

 private:
  explicit Trustee(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::trustee
