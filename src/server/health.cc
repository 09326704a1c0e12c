#include "server/routes.h"

namespace holdfast::server {
namespace {

Task<void> alive(Service&, Exchange& exchange) {
  exchange.answer(200, kText, "alive\n");
  co_return Result<void>{};
}

/// Without an agreement nothing but an adoption can be done, with a failed log nothing at all.
Task<void> ready(Service& service, Exchange& exchange) {
  HF_CO_CHECK(service.trustee.ready());
  exchange.answer(200, kText, "ready\n");
  co_return Result<void>{};
}

Task<void> metrics(Service& service, Exchange& exchange) {
  exchange.set_field("Cache-Control", "no-store");
  exchange.answer(200, "text/plain; version=0.0.4; charset=utf-8", service.metrics.text(service.trustee));
  co_return Result<void>{};
}

Task<void> openapi(Service&, Exchange& exchange) {
  exchange.answer(200, "application/yaml", std::string(openapi_document()));
  co_return Result<void>{};
}

}  // namespace

std::vector<Operation> health_routes() {
  return {
      {{"GET", "/healthz"}, Audience::anyone, alive},
      {{"GET", "/readyz"}, Audience::anyone, ready},
      {{"GET", "/metrics"}, Audience::anyone, metrics},
      {{"GET", "/openapi.yaml"}, Audience::anyone, openapi},
  };
}

}  // namespace holdfast::server
