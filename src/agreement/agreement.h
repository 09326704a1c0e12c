#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/findings.h"
#include "agreement/plan.h"
#include "base/note.h"
#include "base/result.h"

namespace holdfast::agreement {

/// What reading an agreement came to: a plan, or what is wrong. Never both.
struct Checked {
  PlanPtr plan;                   ///< null if there are findings
  std::vector<Finding> findings;  ///< all of them, sorted by position
  /// Set when all that is wrong is that flows break prohibitions or rules: for questions about a draft, never to be
  /// run.
  PlanPtr broken;
  std::vector<RuleStanding> rules;  ///< how the rules of the adopted packs stand, broken ones included
};

/// A rule pack as an agreement adopts it.
struct PackReference {
  std::string name;
  std::uint32_t version = 0;
  std::optional<Hash> hash;  ///< nothing: the agreement fails to pin it, and is to be told what to write
};
/// Fetches a pack's bytes: from a folder by name and version, or from a log by hash. The bytes are held against the
/// hash afterwards. not_found when there is none.
using PackReader = std::function<Result<std::string>(const PackReference&)>;
/// The packs that a document adopts, as far as it can be read; for whoever copies them along with it.
std::vector<PackReference> packs_of(std::string_view document);

/// Reads, resolves and checks a document, its prohibitions against its flows included. Takes any bytes, never throws;
/// work is bounded by the bounds in yaml.h. Thread-safe.
/// Without `packs` an agreement that adopts a rule pack has a finding.
Checked check(std::string_view document, const PackReader& packs = {});

/// The plan, or an Error (invalid) with the slug and place ("line:column") of the first finding and the text of
/// the first few.
Result<PlanPtr> compile(std::string_view document, const PackReader& packs = {});

/// Whose signatures stand on the note, by the keys in `plan`; sorted. A line of a party's key that does not hold is
/// an error (note.signature.wrong).
Result<std::vector<PartyIndex>> signers(const Plan& plan, const Note& note);

/// Is `proposed` the next version of `in_force`, or the same document? Errors: agreement.name.other,
/// agreement.version.stale.
Result<void> check_next(const Plan& in_force, const Plan& proposed);

/// May `proposed`, whose signed document is `note`, come into force after `in_force`? A later agreement has the same
/// name and the next version, and is approved by the quorum and the keys of the one in force; the first
/// (`in_force` is `proposed`, or has its hash) by its own. Errors: agreement.document.other, agreement.name.other,
/// agreement.version.stale, agreement.quorum, note.signature.wrong.
Result<void> check_quorum(const Plan& in_force, const Plan& proposed, const Note& note);

/// May a sealed module be released that `signed_by` (sorted) have signed?
/// Errors: unsupported "agreement.module.undeclared" (changes.module is not there), refused "agreement.module.quorum".
Result<void> check_module_quorum(const Plan& in_force, const std::vector<PartyIndex>& signed_by);

/// For people: "operator 'bytedance' and trustee 'oracle'", "any 2 of …".
std::string describe(const Plan& plan, const Quorum& quorum);

/// One thing that `changes` lets parties do together, for people.
struct ChangeRule {
  std::string_view name;  ///< its key in the document: "agreement", "module", "emergency", "suspend"
  std::string_view what;  ///< "a change", "a module", "an emergency", "a suspension"
  std::string signed_by;  ///< as `describe` has it
  std::string besides;    ///< what else holds: "seen by overseer 'treasury'", "lasts at most 4 hours"; or empty
  /// "operator 'a', trustee 'b', and seen by overseer 'c'".
  std::string needs() const { return besides.empty() ? signed_by : signed_by + ", and " + besides; }
};
/// All of them that the agreement declares, in this order; that of the agreement itself first.
std::vector<ChangeRule> change_rules(const Plan& plan);

}  // namespace holdfast::agreement
