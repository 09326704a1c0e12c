#pragma once

#include <vector>

#include "trustee/impl.h"

namespace holdfast::trustee {

/// Steps 1 to 3: who asks by which flow for whom, and that it may be. Nothing has been read.
struct Asked {
  std::shared_ptr<const Active> active;
  agreement::FlowIndex index = 0;
  std::string subject_id;
  vault::Subject subject;
  UnixMillis now = 0;
  const agreement::Flow& flow() const { return active->plan->flows[index]; }
};

/// Steps 1 to 6: what would leave, and the entry that must be on disk before it does.
struct Prepared {
  Disclosure disclosure;
  evidence::Entry entry;
  /// Set: a module's run was contained. The entry says so, nothing leaves, and this is the answer.
  std::optional<Error> contained;
};

/// A flow that this party may use, by name. Says what is missing where there is none.
/// Errors: refused "flow.party", "flow.unknown".
Result<agreement::FlowIndex> find_flow(const agreement::Plan& plan, agreement::PartyIndex party,
                                       const std::string& name);

/// Another agreement or module came into force meanwhile: judged anew by that one, so often at most.
bool is_overtaken(const Error& error);
inline constexpr int kTriesMax = 4;

/// Step 4 to 6 of a flow that runs a sealed module, for many subjects of one flow at once; one answer for each of
/// `asked`, in order.
/// Errors: refused "module.none"; not_found "vault.record.unknown"; those of Runs::load and Pool::submit;
/// "release.size".
Async<std::vector<Result<Prepared>>> run_module(Trustee::Impl& self, const Caller& caller, std::vector<Asked> asked);

}  // namespace holdfast::trustee
