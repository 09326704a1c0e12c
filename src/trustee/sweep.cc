// Retention: what is older than its collection's keep goes, on record before it goes.
#include "base/priority.h"
#include "trustee/held.h"
#include "trustee/impl.h"

namespace holdfast::trustee {
namespace {

constexpr std::size_t kLockersAtOnce = 512;

std::vector<vault::Retention> retentions(const agreement::Plan& plan) {
  std::vector<vault::Retention> out;
  for (const agreement::Collection& collection : plan.collections) out.push_back(retention_of(collection));
  return out;
}

}  // namespace

Result<void> Trustee::Impl::sweep() {
  std::optional<LockerId> after;
  std::optional<Error> failed;  // the first; what is behind goes all the same
  do {
    HF_TRY(const auto now, active());
    const agreement::Plan& plan = *now->plan;
    HF_TRY(vault::Sweep piece, vault->prepare_sweep(retentions(plan), after, kLockersAtOnce));
    for (std::size_t i = 0; i < plan.collections.size(); ++i) {
      if (piece.expired[i] == 0) continue;
      HF_CHECK(append_now(own_name(),
                          evidence::RetentionSwept{plan.collections[i].name, piece.expired[i], piece.drafts.size()}));
    }
    for (const auto& result : vault->commit(std::move(piece.drafts))) {
      // A draft that a writer overtook is caught by the next sweep, and what is being erased goes as it is.
      const bool overtaken =
          !result && (result.error().slug == "vault.draft.stale" || result.error().slug == "vault.subject.erasing");
      if (!result && !overtaken && !failed) failed = result.error();
    }
    if (!piece.failed.empty() && !failed) failed = std::move(piece.failed.front());
    after = piece.next;
    const std::lock_guard lock(sweep_mutex);
    if (stopping) return {};
  } while (after);
  if (failed) return tl::unexpected<Error>(*std::move(failed));
  return {};
}

void Trustee::Impl::sweep_until_stopped() {
  give_way();
  const auto again = erase_again();
  std::unique_lock lock(sweep_mutex);
  while (!stopping) {
    if (state->active()) {
      lock.unlock();
      const auto swept = sweep();
      lock.lock();
      sweep_failure = !swept ? swept.error().text() : !again ? again.error().text() : std::string();
    }
    sweep_wake.wait_for(lock, options.sweep_every, [this] { return stopping.load(); });
  }
}

}  // namespace holdfast::trustee
