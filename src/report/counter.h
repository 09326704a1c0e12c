#pragma once

#include <set>
#include <string_view>
#include <unordered_map>

#include "report/report.h"

namespace holdfast::report {

/// Counts entries into a report while they are verified.
class Counter final : public verify::Listener {
 public:
  /// Borrows both.
  Counter(const Options& options, Report& report);

  void on_entry(std::uint64_t index, const evidence::Entry& entry, const ledger::Ledger& before) override;
  void on_end(const ledger::Ledger& ledger) override;

 private:
  struct Heard {
    std::uint64_t index;
    const evidence::Entry& entry;
    bool within;
    const ledger::Ledger& before;
  };
  void note(Trace& trace, const Heard& heard);
  Trace traced(std::string figure) const;

  void enter(const agreement::PlanPtr& plan);
  void sample(const ledger::Ledger& ledger);
  Party party_of(std::string_view name) const;
  /// Null when the table is full and has it not.
  Flow* flow_of(const evidence::Entry& entry, const std::string& name, const std::string& to, const std::string& gives);

  /// What releases of one subject and of sums have in common; null when the row is not to be listed.
  template <class Release>
  Flow* count_release(const Heard& heard, const Release& released);
  void count(const Heard& heard, const evidence::Released& released);
  void count(const Heard& heard, const evidence::AggregateReleased& released);
  void count(const Heard& heard, const evidence::RunFailed& failed);
  void count(const Heard& heard, const evidence::ModuleLogRead& read);
  void count(const Heard& heard, const evidence::Refused& refused);
  void count(const Heard& heard, const evidence::Deposited& deposited);
  void count(const Heard& heard, const evidence::RetentionSwept& swept);
  void count(const Heard& heard, const evidence::AgreementAdopted& adopted);
  void count(const Heard& heard, const evidence::SubjectExported& exported);
  void count(const Heard& heard, const evidence::SubjectRestricted&);
  void count(const Heard& heard, const evidence::SubjectUnrestricted&);
  void count(const Heard& heard, const evidence::ErasureAsked& asked);
  void count(const Heard& heard, const evidence::ErasureDone& done);
  void count(const Heard& heard, const evidence::ServerStarted& started);
  void count(const Heard& heard, const evidence::RootKeyRotated& rotated);
  void count(const Heard& heard, const evidence::BackupTaken& taken);
  void count(const Heard& heard, const evidence::ModuleSubmitted& submitted);
  void count(const Heard& heard, const evidence::ModuleShown& shown);
  void count(const Heard& heard, const evidence::ModuleReleased& released);
  void count(const Heard& heard, const evidence::ModuleWithdrawn& withdrawn);
  void count(const Heard& heard, const evidence::JobStarted& started);
  void count(const Heard& heard, const evidence::JobFinished& finished);
  void count(const Heard& heard, const evidence::JobFailed& failed);
  void count(const Heard& heard, const evidence::JobCancelled& cancelled);
  /// Kinds that have no part of their own stand among the changes, by their names.
  void count(const Heard& heard, const auto&) { upkeep(heard, ""); }
  void upkeep(const Heard& heard, std::string text);
  bool abroad(const Party& party) const;
  /// A row of what was done to the module `hash`; null when it is not to be listed.
  ModuleChange* change(const Heard& heard, const Hash& hash);
  void add_recipients();

  const Options& options_;
  Report& report_;
  std::set<std::string, std::less<>> wanted_;
  agreement::PlanPtr plan_;                                 // in force at the newest entry
  std::unordered_map<std::string, std::size_t> flow_rows_;  // by name, under plan_
  std::unordered_map<std::string, std::size_t> refusals_, deposits_, sweeps_, limits_, passed_on_;
  std::unordered_map<std::string, Party> parties_;                // as the last agreement that names them has them
  std::unordered_map<Pseudonym, std::size_t, FixedHasher> open_;  // erasures asked for in the period and not done
  SubjectNumbers subjects_;
  UnixMillis newest_at_ = std::numeric_limits<UnixMillis>::min();  // so far none
};

}  // namespace holdfast::report
