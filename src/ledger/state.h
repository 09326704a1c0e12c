#pragma once

#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ledger/ledger.h"
#include "ledger/spending.h"

namespace holdfast::ledger {

using PseudonymSet = std::unordered_set<Pseudonym, FixedHasher>;

/// What the ledger knows. Shared by its rules (rules.cc), its adoptions (adoption.cc) and its snapshots.
struct Ledger::State {
  DocumentReader documents;
  std::vector<VerifierKey> first_keys;

  agreement::PlanPtr plan;
  std::unordered_map<std::string_view, agreement::FlowIndex> flows;  // names lie in the plan
  std::vector<Spending> spendings;                                   // one for each of plan->limits
  Numbers numbers;                                                   // of whom the rolling ones have counted
  std::uint32_t numbers_kept = 0;                                    // how many were left at the last tidying
  std::vector<Adoption> adoptions;

  UnixMillis newest_at = 0;
  PseudonymSet restricted, erasing, erased;

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

  std::optional<agreement::FlowIndex> find_flow(std::string_view name) const;
  /// Is `name` a party of the agreement in force?
  bool knows(std::string_view name) const { return plan && plan->find_party(name).has_value(); }
  bool is_trustee(std::string_view name) const { return plan && plan->parties[plan->trustee()].name == name; }

  /// The plan that `adopted` brings into force, or why it may not.
  Result<agreement::PlanPtr> judge(const evidence::AgreementAdopted& adopted);
  /// What `limit`, of the agreement that comes, goes on from: the limit of the same name, or a threshold of the same
  /// rule over the same recipients. Null if there is none.
  const Spending* predecessor(const agreement::Limit& limit) const;
  /// Makes `next` the plan in force; limits of the same name keep what they have spent.
  void put_in_force(agreement::PlanPtr next);

  /// May `subject` be read at all?
  Result<void> readable(const Pseudonym& subject) const;
  Result<void> within_limits(const agreement::Flow& flow, const Pseudonym& subject, std::uint64_t records,
                             UnixMillis at) const;
  void spend(const agreement::Flow& flow, const evidence::Released& released, UnixMillis at);
  /// Time has gone on to `at`: rolling limits let go, and subjects that none counts any longer lose their number, when
  /// they have become as many as the others.
  void advance(UnixMillis at);
  void count(const evidence::Entry& entry, const evidence::Released& released,
             std::optional<agreement::FlowIndex> flow);
};

/// The signed note of an agreement, as `documents` has it, held up to the hash of its text.
struct Document {
  Note note;
  agreement::PlanPtr plan;
};
Result<Document> read_document(const DocumentReader& documents, const Hash& hash);

/// A name from an entry, fit for a message: at most 64 bytes, nothing that a terminal would act on.
std::string shown(std::string_view name);

}  // namespace holdfast::ledger
