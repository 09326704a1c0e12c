#include "server/routes.h"

namespace holdfast::server {
namespace {

Task<void> module_log(Service& service, Exchange& exchange) {
  HF_CO_TRY(auto log, co_await service.trustee.module_log(exchange.caller(), exchange.parameter(0)));
  exchange.set_field("Holdfast-Receipt", std::to_string(log.receipt));
  exchange.set_field("Holdfast-Salt", to_hex(log.salt));
  exchange.set_field("Cache-Control", "no-store");
  exchange.answer(200, kText, std::move(log.payload));
  co_return Result<void>{};
}

}  // namespace

std::vector<Operation> module_log_routes() {
  return {{{"GET", "/v1/modules/{name}/log"}, Audience::certificate, module_log}};
}

}  // namespace holdfast::server
