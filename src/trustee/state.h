#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "agreement/plan.h"
#include "disclosure/form.h"
#include "disclosure/token.h"
#include "evidence/log.h"
#include "ledger/ledger.h"
#include "storage/store.h"
#include "trustee/run_input.h"

namespace holdfast::trustee {

/// A plan with what its flows need at hand: for each flow, for each collection it gives, the former. Immutable.
struct Active {
  agreement::PlanPtr plan;
  std::vector<std::vector<disclosure::RecordFormer>> formers;  ///< by flow, then as Flow::gives
  std::vector<std::unique_ptr<const RunInput>> run_inputs;     ///< by flow; null where it runs no module

  static Result<std::shared_ptr<const Active>> create(agreement::PlanPtr plan, const disclosure::TokenKeys& tokens);
};

/// The blob in which the signed note of an agreement lies.
std::string agreement_blob(const Hash& document);

/// The documents that the log names, as they lie in `store`, which must outlive it. Also corrupt
/// "agreement.document.missing", "module.statement.missing".
ledger::DocumentReader documents_in(const storage::Store& store);

/// What the log says is so, shared by all threads: the ledger under a lock, the agreement in force without one.
class State final : public evidence::Follower {
 public:
  State(storage::Store& store, disclosure::TokenKeys tokens);
  /// `modules_changed` is called when flows may run other modules than before, from the log's thread: it must be quick.
  void on_modules_changed(std::function<void()> modules_changed) { modules_changed_ = std::move(modules_changed); }

  Result<void> admit(const evidence::Entry& entry) const override;
  Result<void> follow(std::uint64_t index, const evidence::Entry& entry) override;
  Bytes snapshot() const override;
  Result<void> restore(ByteView snapshot) override;

  /// The agreement in force; null before the first.
  std::shared_ptr<const Active> active() const { return active_.load(std::memory_order_acquire); }
  /// Looks into the ledger; `look` is called under the lock and must be quick.
  template <class Look>
  auto ledger(Look look) const {
    const std::lock_guard lock(mutex_);
    return look(static_cast<const ledger::Ledger&>(*ledger_));
  }

 private:
  void activate();

  storage::Store& store_;
  disclosure::TokenKeys tokens_;
  std::function<void()> modules_changed_ = [] {};
  mutable std::mutex mutex_;
  std::optional<ledger::Ledger> ledger_;  ///< always there; optional, because a ledger moves but is not assigned
  std::atomic<std::shared_ptr<const Active>> active_;
};

}  // namespace holdfast::trustee
