// Restriction (GDPR 18) and erasure (GDPR 17), asked for by the subject or by a party that serves it.
#include <boost/asio/post.hpp>
#include <future>

#include "trustee/impl.h"

namespace holdfast::trustee {
namespace {

/// Who asks, and the subject opened; records the refusal when it may not.
struct Asked {
  std::string party;
  vault::Subject subject;
};
Result<Asked> ask(Trustee::Impl& self, const Caller& caller, const char* operation, const std::string& subject) {
  HF_TRY(const auto active, self.active());
  auto party = self.serves(*active, caller, subject);
  if (!party) {
    self.refuse(caller, operation, {}, party.error());
    return tl::unexpected<Error>(std::move(party).error());
  }
  HF_TRY(vault::Subject opened, self.vault->open(subject));
  return Asked{std::move(*party), std::move(opened)};
}

}  // namespace

Task<std::uint64_t> Trustee::restrict(Caller caller, std::string subject) {
  co_return co_await await_job(impl_->jobs, [&]() -> Result<std::uint64_t> {
    HF_TRY(const Asked asked, ask(*impl_, caller, "restrict", subject));
    HF_TRY(const auto appended, impl_->append_now(asked.party, evidence::SubjectRestricted{asked.subject.pseudonym()}));
    return appended.index;
  });
}

Task<std::uint64_t> Trustee::unrestrict(Caller caller, std::string subject) {
  co_return co_await await_job(impl_->jobs, [&]() -> Result<std::uint64_t> {
    HF_TRY(const Asked asked, ask(*impl_, caller, "restrict", subject));
    HF_TRY(const auto appended,
           impl_->append_now(asked.party, evidence::SubjectUnrestricted{asked.subject.pseudonym()}));
    return appended.index;
  });
}

Task<Erasure> Trustee::erase(Caller caller, std::string subject_id) {
  co_return co_await await_job(impl_->erasures, [&]() -> Result<Erasure> {
    Erasure out;
    std::string party;
    vault::Erasure begun;
    {
      auto asked = ask(*impl_, caller, "erase", subject_id);
      if (!asked && asked.error().slug == "vault.subject.unknown") {
        // Rows of theirs may be on their way in an import, which then leaves them out, or have come just now.
        HF_CHECK(impl_->vault->note_erasure(impl_->vault->locker_of(subject_id)));
        asked = ask(*impl_, caller, "erase", subject_id);
      }
      if (!asked) return tl::unexpected<Error>(std::move(asked).error());
      // Begun first, so that an erasure on record is always one that a restart finishes.
      HF_TRY(begun, impl_->vault->begin_erasure(asked->subject));
      party = std::move(asked->party);
    }
    // Keys restored from before an erasure: the log has it, and only the shredding is to be done again.
    if (impl_->state->ledger([&](const ledger::Ledger& l) { return l.erased(begun.pseudonym); })) {
      HF_CHECK(impl_->vault->finish_erasures(std::span(&begun, 1)));
      return out;
    }
    HF_TRY(const auto recorded, impl_->append_now(party, evidence::ErasureAsked{begun.pseudonym}));
    out.asked = recorded.index;
    HF_CHECK(impl_->vault->finish_erasures(std::span(&begun, 1)));
    HF_TRY(const auto done, impl_->append_now(impl_->own_name(), evidence::ErasureDone{begun.pseudonym}));
    out.done = done.index;
    return out;
  });
}

/// What a crash left half done: begun in the vault, perhaps not yet on record; or gone from the vault, and only the
/// last entry missing.
Result<void> Trustee::Impl::finish_erasures() {
  HF_TRY(const auto begun, vault->unfinished_erasures());
  for (const vault::Erasure& erasure : begun) {
    const bool known = state->ledger(
        [&](const ledger::Ledger& l) { return l.erasing(erasure.pseudonym) || l.erased(erasure.pseudonym); });
    if (!known) HF_CHECK(append_now(own_name(), evidence::ErasureAsked{erasure.pseudonym}));
  }
  if (!begun.empty()) HF_CHECK(vault->finish_erasures(begun));
  const auto unfinished = state->ledger([](const ledger::Ledger& l) { return l.erasures_unfinished(); });
  for (const Pseudonym& pseudonym : unfinished) {
    HF_CHECK(append_now(own_name(), evidence::ErasureDone{pseudonym}));
  }
  return {};
}

Result<void> Trustee::Impl::erase_again() {
  if (!state->ledger([](const ledger::Ledger& l) { return l.any_erased(); })) return {};
  std::vector<vault::Erasure> back;
  HF_CHECK(vault->visit_keys([&](const vault::Erasure& one) {
    if (state->ledger([&](const ledger::Ledger& l) { return l.erased(one.pseudonym); })) back.push_back(one);
    return !stopping;
  }));
  for (const vault::Erasure& one : back) {
    // As one that was asked for: begun in the vault, so that a crash does not forget it, and in turn with others.
    std::promise<Result<void>> done;
    boost::asio::post(erasures, [&] {
      done.set_value([&]() -> Result<void> {
        HF_TRY(const vault::Subject subject, vault->open_locker(one.locker));
        if (subject.pseudonym() != one.pseudonym) return {};
        HF_TRY(const vault::Erasure begun, vault->begin_erasure(subject));
        return vault->finish_erasures(std::span(&begun, 1));
      }());
    });
    HF_CHECK(done.get_future().get());
  }
  return {};
}

}  // namespace holdfast::trustee
