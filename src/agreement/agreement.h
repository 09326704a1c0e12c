#pragma once

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
  /// Set when all that is wrong is that flows break prohibitions: for questions about a draft, never to be run.
  PlanPtr broken;
};

/// Reads, resolves and checks a document, its prohibitions against its flows included. Takes any bytes, never throws;
/// work is bounded by the bounds in yaml.h. Thread-safe.
Checked check(std::string_view document);

/// The plan, or an Error (invalid) with the slug and place ("line:column") of the first finding and the text of
/// the first few.
Result<PlanPtr> compile(std::string_view document);

/// Whose signatures stand on the note, by the keys in `plan`; sorted. A line of a party's key that does not hold is
/// an error (note.signature.wrong).
Result<std::vector<PartyIndex>> signers(const Plan& plan, const Note& note);

/// May `proposed`, whose signed document is `note`, come into force after `in_force`? A later agreement has the same
/// name and the next version, and is approved by the quorum and the keys of the one in force; the first
/// (`in_force` is `proposed`, or has its hash) by its own. Errors: agreement.document.other, agreement.name.other,
/// agreement.version.stale, agreement.quorum, note.signature.wrong.
Result<void> check_quorum(const Plan& in_force, const Plan& proposed, const Note& note);

/// For people: "operator 'bytedance' and trustee 'oracle'", "any 2 of …".
std::string describe(const Plan& plan, const Quorum& quorum);

}  // namespace holdfast::agreement
