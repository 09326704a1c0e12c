#include <fmt/format.h>

#include <algorithm>

#include "agreement/agreement.h"
#include "base/hash.h"

namespace holdfast::agreement {
namespace {

std::string names(const Plan& plan, const std::vector<PartyIndex>& parties) {
  std::string out;
  for (const PartyIndex party : parties) {
    out += fmt::format("{}{} '{}'", out.empty() ? "" : ", ", to_string(plan.parties[party].role),
                       plan.parties[party].name);
  }
  return out.empty() ? "nobody" : out;
}

bool meets(const Quorum& quorum, const Plan& plan, const std::vector<PartyIndex>& signed_by) {
  if (quorum.all.empty() && quorum.any == 0) return false;  // a plan that nobody filled in approves nothing
  const auto counted =
      std::ranges::count_if(signed_by, [&](PartyIndex p) { return plan.parties[p].role != Role::recipient; });
  return std::ranges::includes(signed_by, quorum.all) && counted >= static_cast<std::ptrdiff_t>(quorum.any);
}

}  // namespace

Result<std::vector<PartyIndex>> signers(const Plan& plan, const Note& note) {
  std::vector<VerifierKey> keys;
  std::vector<PartyIndex> owners;
  for (std::size_t i = 0; i < plan.parties.size(); ++i) {
    if (!plan.parties[i].key) continue;
    keys.push_back(*plan.parties[i].key);
    owners.push_back(static_cast<PartyIndex>(i));
  }
  HF_TRY(const auto good, note.verify(keys));
  std::vector<PartyIndex> out;
  for (const std::size_t key : good) out.push_back(owners[key]);
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<void> check_next(const Plan& in_force, const Plan& proposed) {
  if (in_force.hash == proposed.hash) return {};
  if (in_force.agreement != proposed.agreement) {
    return fail(Code::conflict, "agreement.name.other", "",
                fmt::format("the agreement in force is '{}', the proposed one '{}'; a change keeps the name",
                            in_force.agreement, proposed.agreement));
  }
  if (proposed.version != in_force.version + 1) {
    return fail(Code::conflict, "agreement.version.stale", "",
                fmt::format("version {} is in force, so the next is {}, not {}", in_force.version, in_force.version + 1,
                            proposed.version));
  }
  return {};
}

Result<void> check_quorum(const Plan& in_force, const Plan& proposed, const Note& note) {
  if (sha256(note.text) != proposed.hash) {
    return fail(Code::invalid, "agreement.document.other", "", "the signed text is not the agreement that is proposed");
  }
  HF_CHECK(check_next(in_force, proposed));
  HF_TRY(const auto signed_by, signers(in_force, note));
  if (meets(in_force.change_agreement, in_force, signed_by)) return {};
  return fail(Code::refused, "agreement.quorum", "",
              fmt::format("a change needs {}; signed by {}", describe(in_force, in_force.change_agreement),
                          names(in_force, signed_by)));
}

Result<void> check_module_quorum(const Plan& in_force, const std::vector<PartyIndex>& signed_by) {
  if (!in_force.change_module) {
    return fail(Code::unsupported, "agreement.module.undeclared", "",
                "the agreement does not say who releases sealed modules: changes.module is missing");
  }
  if (meets(*in_force.change_module, in_force, signed_by)) return {};
  return fail(Code::refused, "agreement.module.quorum", "",
              fmt::format("a module needs {}; signed by {}", describe(in_force, *in_force.change_module),
                          names(in_force, signed_by)));
}

std::string describe(const Plan& plan, const Quorum& quorum) {
  if (quorum.all.empty()) return fmt::format("any {} of operator, trustee and overseer", quorum.any);
  return names(plan, quorum.all);
}

std::vector<ChangeRule> change_rules(const Plan& plan) {
  std::vector<ChangeRule> out{{"agreement", "a change", describe(plan, plan.change_agreement), ""}};
  if (plan.change_module) {
    out.push_back({"module", "a module", describe(plan, *plan.change_module),
                   plan.module_seen_by.empty() ? "" : "seen by " + names(plan, plan.module_seen_by)});
  }
  if (plan.change_emergency) {
    out.push_back({"emergency", "an emergency", describe(plan, *plan.change_emergency),
                   fmt::format("lasts at most {} hours", plan.emergency_at_most.count() / 3600)});
  }
  if (plan.change_suspend) {
    out.push_back({"suspend", "a suspension", describe(plan, *plan.change_suspend), ""});
  }
  return out;
}

}  // namespace holdfast::agreement
