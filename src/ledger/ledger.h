#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "agreement/plan.h"
#include "evidence/formats/entry.h"

namespace holdfast::ledger {

/// Fetches the signed note of an adopted agreement by the hash of its text (hex).
using DocumentReader = std::function<Result<std::string>(const Hash& document)>;

/// What the log says is so: agreement in force, limits spent, restrictions, erasures asked and done. A fold over the
/// entries: the trustee runs it to decide, verify runs the same code to judge. Not thread-safe by itself.
class Ledger {
 public:
  /// `first_keys`: if given, the keys of the parties whom the checker trusts: the first adoption must be signed by
  /// them. The trustee's own server passes none.
  explicit Ledger(DocumentReader documents, std::vector<VerifierKey> first_keys = {});
  ~Ledger();
  Ledger(Ledger&&) noexcept;

  /// Would `entry`, coming next, be right? Errors carry the slugs that evidence and verify print:
  /// evidence.time.backwards, agreement.version.stale, agreement.quorum, release.undeclared, release.form,
  /// release.recipient, limit.exceeded (with retry_after_s), subject.restricted, subject.erased, erasure.unasked …
  Result<void> admit(const evidence::Entry& entry) const;
  /// Takes it in, right or not.
  void apply(const evidence::Entry& entry);

  /// The agreement in force; null before the first adoption.
  const agreement::PlanPtr& plan() const;
  /// Can `subject` still be read by `flow` at `now`: not restricted, not being erased, within every limit of the flow?
  /// For refusing early; admit() has the last word.
  Result<void> may_release(agreement::FlowIndex flow, const Pseudonym& subject, std::uint64_t records,
                           UnixMillis now) const;
  bool restricted(const Pseudonym& subject) const;
  bool erasing(const Pseudonym& subject) const;  ///< asked and not done
  std::vector<Pseudonym> erasures_unfinished() const;

  /// What a limit has left at `now`, for status and metrics.
  struct Budget { std::string limit, text; std::uint64_t amount = 0, spent = 0; UnixMillis renews_at = 0; };
  std::vector<Budget> budgets(UnixMillis now) const;
  /// How much of what happened: per (flow, recipient): releases, bytes, first and last time.
  struct Tally { std::string flow, to, gives; std::uint32_t agreement = 0; std::uint64_t releases = 0, bytes = 0;
                 UnixMillis first = 0, last = 0; };
  std::vector<Tally> tallies() const;

  Bytes snapshot() const;
  static Result<Ledger> restore(ByteView snapshot, DocumentReader documents, std::vector<VerifierKey> first_keys = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::ledger
