// What a ledger does with flows that run a sealed module.
#include <algorithm>

#include "ledger/state.h"

namespace holdfast::ledger {

const Ledger::ReleasedModule* Ledger::State::released_module(std::string_view module) const {
  const auto found = module_releases.find(module);
  return found == module_releases.end() || found->second.withdrawn ? nullptr : &found->second;
}

Result<void> Ledger::State::may_run(const agreement::Flow& flow, const evidence::ModuleRun* run) const {
  if (flow.kind == agreement::Flow::Kind::aggregate) {
    return fail(Code::refused, "release.aggregate", flow.name,
                "this flow releases sums over all subjects, and nothing of a single one");
  }
  if ((flow.kind == agreement::Flow::Kind::run) != (run != nullptr)) {
    return fail(Code::refused, "release.run", flow.name,
                run ? "this flow runs no module, and one was run" : "this flow runs a module, and none was run");
  }
  if (!run) return {};
  const ReleasedModule* in_force = released_module(flow.module);
  if (!in_force) {
    return fail(Code::refused, "module.none", flow.module,
                "no module of this name is released, or it was withdrawn; next: holdfast module release");
  }
  if (run->module != in_force->hash) {
    return fail(Code::refused, "release.module", flow.name,
                "what was run is not the module of this name that is in force; ask again");
  }
  return runs_with(flow, run->product);
}

void Ledger::State::take_failed_run(const evidence::Entry& entry, const evidence::RunFailed& failed) {
  const auto index = find_flow(failed.flow);
  if (!index) return;
  const agreement::Flow& flow = plan->flows[*index];
  spend(flow, failed.subject, nullptr, failed.records, std::max(entry.at, newest_at));
  Tally* const tally = tally_of(entry, flow.name, plan->parties[flow.to].name, flow.gives_json, index);
  if (tally) ++tally->contained;
}

}  // namespace holdfast::ledger
