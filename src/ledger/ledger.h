#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/plan.h"
#include "evidence/formats/entry.h"

namespace holdfast::ledger {

/// What lies beside the log: of an agreement its signed note, by the hash of its text, and the rule packs that it
/// adopts; of a sealed module its statement in its envelope.
enum class DocumentKind : std::uint8_t { agreement, statement };
/// Where it lies: "agreement/<hex>", "statement/<hex>".
std::string document_path(DocumentKind kind, const Hash& hash);
/// Fetches one; not_found when there is none.
using DocumentReader = std::function<Result<std::string>(DocumentKind kind, const Hash& hash)>;

/// What the log says is so: agreement in force, limits spent, restrictions, erasures asked and done. A fold over the
/// entries: the trustee runs it to decide, verify runs the same code to judge. Not thread-safe by itself.
class Ledger {
 public:
  /// `first_keys`: if given, the keys of the parties whom the checker trusts: the first adoption must be signed by
  /// them. The trustee's own server passes none.
  explicit Ledger(DocumentReader documents, std::vector<VerifierKey> first_keys = {});
  ~Ledger();
  Ledger(Ledger&&) noexcept;
  Ledger& operator=(Ledger&&) noexcept;

  /// Would `entry`, coming next, be right? The README lists the slugs of the errors, which evidence and verify print:
  /// evidence.time.backwards, agreement.version.stale, agreement.quorum, release.undeclared, limit.exceeded …
  Result<void> admit(const evidence::Entry& entry) const;
  /// Takes it in, the log's entry number `index`, right or not. Only adoptions, what is done to modules and what jobs
  /// make must be right to have an effect: no agreement comes into force without its quorum, and no module is released
  /// without its, so what is released under such a one is found entry by entry.
  void apply(std::uint64_t index, const evidence::Entry& entry);
  /// What the last apply() could not read of the documents: what it took in may lack that, so nothing should be decided by
  /// it.
  const std::optional<Error>& unread() const;

  /// The agreement in force; null before the first adoption.
  const agreement::PlanPtr& plan() const;
  /// Can `subject` still be read by `flow` at `now`: not restricted, not being erased, within every limit of the flow?
  /// For refusing early; admit() has the last word. `now` before the newest entry's time counts as that time.
  Result<void> may_release(agreement::FlowIndex flow, const Pseudonym& subject, std::uint64_t records,
                           UnixMillis now) const;
  bool restricted(const Pseudonym& subject) const;
  bool erasing(const Pseudonym& subject) const;  ///< asked and not done
  bool erased(const Pseudonym& subject) const;   ///< asked and done
  bool any_erased() const;
  std::vector<Pseudonym> erasures_unfinished() const;  ///< sorted

  /// What a limit has left at `now`, for status and metrics.
  struct Budget {
    std::string limit, text;
    std::uint64_t amount = 0, spent = 0;
    UnixMillis renews_at = 0;
  };
  std::vector<Budget> budgets(UnixMillis now) const;

  /// A module's run over all subjects.
  struct Job {
    std::uint64_t id = 0;  ///< the index of its job.started
    evidence::JobStarted started;
    std::string product;          ///< that it makes
    std::uint32_t agreement = 0;  ///< version under which it began
    UnixMillis at = 0;
    /// Nothing while it runs: also after a crash, until it is begun anew and ends.
    std::optional<evidence::Event> end;  ///< JobFinished, JobFailed or JobCancelled
    std::uint64_t end_index = 0;
    UnixMillis end_at = 0;
  };
  /// Those that run, and the last kJobsKept that have ended; in order.
  const std::vector<Job>& jobs() const;
  static constexpr std::size_t kJobsKept = 100;
  /// Could the job's product be recorded now: it runs, and what it began under and with is still in force?
  Result<void> may_finish(std::uint64_t job) const;

  /// What a job made and modules run with. It is in force until another of its name is finished, or an agreement is
  /// adopted under which a product of that name could not carry all that this one does.
  struct Product {
    std::string name;
    std::uint64_t job = 0;
    Hash digest;  ///< as in its job.finished
    std::uint64_t subjects = 0, records = 0, size_bytes = 0;
    UnixMillis at = 0;
  };
  std::optional<Product> product(std::string_view name) const;
  std::vector<Product> products() const;  ///< by name

  /// What a flow's privacy budget was spent on within the window that `now` lies in: until that ends, nothing but the
  /// same may be released by it, of the same terms.
  struct Aggregated {
    Hash digest;
    UnixMillis until = 0;
    std::string what;  ///< agreement::Aggregate::text
  };
  std::optional<Aggregated> aggregated(std::string_view flow, UnixMillis now) const;

  /// How much of what happened: per (flow, recipient, what was given, agreement version), in order of first use.
  struct Tally {
    std::string flow, to, gives;
    std::uint32_t agreement = 0;
    std::uint64_t releases = 0, records = 0, bytes = 0;  ///< records: of an aggregate, groups
    std::uint64_t contained = 0;                         ///< runs of a module that were contained, and gave nothing
    UnixMillis first = 0, last = 0;
  };
  std::vector<Tally> tallies() const;

  /// Every agreement that came into force, oldest first.
  struct Adoption {
    std::string name;
    std::uint32_t version = 0;
    Hash document;
    UnixMillis at = 0;
    std::vector<std::string> signed_by;  ///< verifier keys
  };
  const std::vector<Adoption>& adoptions() const;

  /// A sealed module that was submitted and not withdrawn.
  struct SubmittedModule {
    std::string module;
    std::uint32_t version = 0;
    Hash hash, statement;
    Hash said;  ///< SHA-256 of the statement without its signatures: what was shown, and so what may be released
    std::uint64_t size_bytes = 0;
    std::string party;  ///< who submitted it
    UnixMillis at = 0;
    std::vector<std::string> shown_to;  ///< parties, sorted
  };
  const std::map<Hash, SubmittedModule>& submitted_modules() const;
  /// The newest release of a module's name.
  struct ReleasedModule {
    std::uint32_t version = 0;  ///< 0: there was none, and a submission was withdrawn
    std::uint32_t used = 0;     ///< the highest version that was released or withdrawn: another must be above it
    Hash hash, statement;
    UnixMillis at = 0;
    std::vector<std::string> signed_by;  ///< verifier keys
    bool withdrawn = false;
  };
  const std::map<std::string, ReleasedModule, std::less<>>& module_releases() const;
  /// What flows that run `module` run: its newest release; null without one, and when it was withdrawn.
  const ReleasedModule* released_module(std::string_view module) const;

  /// The whole state but the documents: equal states have equal snapshots.
  Bytes snapshot() const;
  /// corrupt ("ledger.snapshot.corrupt") for anything else than a snapshot; fetches the agreement in force.
  static Result<Ledger> restore(ByteView snapshot, DocumentReader documents, std::vector<VerifierKey> first_keys = {});

 private:
  struct State;
  friend class Rules;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::ledger
