#pragma once

#include "agreement/plan.h"
#include "evidence/log.h"
#include "storage/store.h"
#include "vault/vault.h"

namespace holdfast::trustee {

/// Records, keys and evidence are whole together only: records whose evidence is gone would be served under limits that
/// nothing was spent of, by a second history under the same name, and evidence without what it tells of would answer
/// that nothing is held. So a store of which one of the three is gone is not served. Writes nothing; for before the
/// vault is opened, which makes a key where there is none.
/// Errors: corrupt "evidence.log.missing", "vault.keys.missing", "vault.records.missing".
Result<void> check_whole(const storage::Store& store);

/// All that a start would find of a store, but for the vault's root key: check_whole, and the evidence that belongs to
/// `log_key`. Writes nothing. Answers the number of entries. Errors: those of check_whole and evidence::Log::open.
Result<std::uint64_t> examine_whole(const storage::Store& store, const VerifierKey& log_key);

/// Is `key` the one that the agreement in force pins for the log, if it pins one? Else what it signs would be held
/// against the log for good. corrupt "agreement.log.other".
Result<void> check_log_key(const agreement::Plan& plan, const VerifierKey& key);

/// Holds the vault to the log: has it remember which history it belongs to, if it does not yet, and else compares.
/// Nothing to do while the log is empty. Errors: corrupt "evidence.log.other", and those of the store.
Result<void> bind_history(const storage::Store& store, vault::Vault& vault, const evidence::Log& log);

}  // namespace holdfast::trustee
