// Which sealed modules are kept loaded, and what they wrote.
#include <algorithm>

#include "base/hash.h"
#include "trustee/impl.h"

namespace holdfast::trustee {

Result<Runs::Parts> Trustee::Impl::module_parts(const Loadable& what) const {
  const std::string name = module_blob(what.module);
  HF_TRY(auto module, store.get_blob(name));
  if (!module || sha256(*module) != what.module) {
    return fail(Code::corrupt, "module.missing", name,
                "the file of this sealed module is not in custody, or is damaged; restore it from a backup");
  }
  return Runs::Parts{*std::move(module), {}};
}

std::vector<Loadable> Trustee::Impl::modules_in_force() const {
  return state->ledger([](const ledger::Ledger& ledger) {
    std::vector<Loadable> out;
    if (!ledger.plan()) return out;
    for (const agreement::Flow& flow : ledger.plan()->flows) {
      if (flow.kind != agreement::Flow::Kind::run || flow.makes || flow.with) continue;
      if (const auto* released = ledger.released_module(flow.module)) out.push_back({released->hash, {}});
    }
    return out;
  });
}

void Trustee::Impl::refresh_modules() {
  if (!runs) return;
  boost::asio::post(jobs, [this] { runs->keep([this] { return modules_in_force(); }); });
}

Task<Disclosure> Trustee::module_log(Caller caller, std::string module) {
  HF_CO_TRY(const auto active, impl_->active());
  HF_CO_TRY(const auto who, impl_->party(*active, caller));
  const agreement::Plan& plan = *active->plan;
  if (!plan.reads_module_logs(who)) {
    Error error{Code::refused, "caller.role", caller.name, "what modules write is for the trustee and the overseer"};
    impl_->refuse(caller, "module-log", {}, error);
    co_return tl::unexpected<Error>(std::move(error));
  }
  const bool known = std::any_of(plan.flows.begin(), plan.flows.end(), [&](const agreement::Flow& flow) {
    return flow.kind == agreement::Flow::Kind::run && flow.module == module;
  });
  if (!known) {
    co_return fail(Code::not_found, "module.unknown", module, "no flow of the agreement in force runs such a module");
  }
  Disclosure out;
  if (impl_->runs) out.payload = impl_->runs->log(module);
  Salted proof = salted(out.payload);
  out.salt = std::move(proof.salt);
  auto entry = impl_->entry(*active, caller.name, evidence::ModuleLogRead{module, proof.digest, out.payload.size()});
  HF_CO_TRY(const auto appended, co_await impl_->append(std::move(entry)));
  out.receipt = appended.index;
  co_return out;
}

}  // namespace holdfast::trustee
