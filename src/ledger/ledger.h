#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agreement/plan.h"
#include "evidence/formats/entry.h"

namespace holdfast::ledger {

/// Fetches the signed note of an adopted agreement by the hash of its text.
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
  Ledger& operator=(Ledger&&) noexcept;

  /// Would `entry`, coming next, be right? The README lists the slugs of the errors, which evidence and verify print:
  /// evidence.time.backwards, agreement.version.stale, agreement.quorum, release.undeclared, limit.exceeded …
  Result<void> admit(const evidence::Entry& entry) const;
  /// Takes it in, right or not. Only an adoption must be right to have an effect: no agreement comes into force
  /// without its quorum, so what is released under such a one is found entry by entry.
  void apply(const evidence::Entry& entry);

  /// The agreement in force; null before the first adoption.
  const agreement::PlanPtr& plan() const;
  /// Can `subject` still be read by `flow` at `now`: not restricted, not being erased, within every limit of the flow?
  /// For refusing early; admit() has the last word. `now` before the newest entry's time counts as that time.
  Result<void> may_release(agreement::FlowIndex flow, const Pseudonym& subject, std::uint64_t records,
                           UnixMillis now) const;
  bool restricted(const Pseudonym& subject) const;
  bool erasing(const Pseudonym& subject) const;        ///< asked and not done
  bool erased(const Pseudonym& subject) const;         ///< asked and done
  std::vector<Pseudonym> erasures_unfinished() const;  ///< sorted

  /// What a limit has left at `now`, for status and metrics.
  struct Budget {
    std::string limit, text;
    std::uint64_t amount = 0, spent = 0;
    UnixMillis renews_at = 0;
  };
  std::vector<Budget> budgets(UnixMillis now) const;

  /// How much of what happened: per (flow, recipient, what was given, agreement version), in order of first use.
  struct Tally {
    std::string flow, to, gives;
    std::uint32_t agreement = 0;
    std::uint64_t releases = 0, records = 0, bytes = 0;
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
