// Which sealed modules are kept loaded, and what they wrote.
#include <algorithm>

#include "trustee/impl.h"

namespace holdfast::trustee {

Result<Runs::Parts> Trustee::Impl::module_parts(const Loadable& what) const {
  HF_TRY(Bytes module, module_files->get(what.module));
  Runs::Parts out{std::move(module), {}};
  if (!what.product) return out;
  const auto in_force = state->ledger([&](const ledger::Ledger& ledger) -> std::optional<ledger::Ledger::Product> {
    for (const auto& product : ledger.products()) {
      if (product.job == *what.product) return product;
    }
    return std::nullopt;
  });
  if (!in_force) {
    return fail(Code::not_found, "product.missing", std::to_string(*what.product),
                "the product of this job is not in force any more");
  }
  HF_TRY(out.context, products->get(in_force->job, in_force->digest));
  return out;
}

Result<Loadable> loadable_of(const ledger::Ledger& ledger, const agreement::Flow& flow) {
  const auto* released = ledger.released_module(flow.module);
  if (!released) {
    return fail(Code::refused, "module.none", flow.module,
                "no module of this name is released, or it was withdrawn; next: holdfast module release");
  }
  Loadable out{released->hash, {}};
  if (!flow.with) return out;
  const auto product = ledger.product(*flow.with);
  if (!product) {
    const agreement::Flow& maker = ledger.plan()->flows[*flow.maker];
    return fail(Code::refused, "product.none", *flow.with,
                "this flow runs with what the flow '" + maker.name +
                    "' makes, and nothing is made yet; the trustee starts that: holdfast job start " + maker.name);
  }
  out.product = product->job;
  return out;
}

std::vector<Loadable> Trustee::Impl::modules_in_force() const {
  return state->ledger([](const ledger::Ledger& ledger) {
    std::vector<Loadable> out;
    if (!ledger.plan()) return out;
    for (const agreement::Flow& flow : ledger.plan()->flows) {
      if (flow.kind != agreement::Flow::Kind::run || flow.makes) continue;  // a job has a worker of its own
      if (const auto what = loadable_of(ledger, flow)) out.push_back(*what);
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
