#include <fmt/format.h>

#include "server/routes.h"

namespace holdfast::server {
namespace {

Task<void> export_subject(Service& service, Exchange& exchange) {
  HF_CO_TRY(trustee::Disclosure disclosed,
            co_await service.trustee.export_subject(exchange.caller(), exchange.parameter(0)));
  exchange.set_field("Holdfast-Receipt", std::to_string(disclosed.receipt));
  exchange.set_field("Holdfast-Salt", to_hex(disclosed.salt));
  exchange.set_field("Cache-Control", "no-store");
  exchange.answer(200, kJson, std::move(disclosed.payload));
  co_return Result<void>{};
}

void answer_receipt(Exchange& exchange, std::uint64_t receipt) {
  exchange.set_field("Holdfast-Receipt", std::to_string(receipt));
  exchange.answer(200, kJson, fmt::format("{{\"receipt\":{}}}\n", receipt));
}

Task<void> restrict(Service& service, Exchange& exchange) {
  HF_CO_TRY(const std::uint64_t receipt, co_await service.trustee.restrict(exchange.caller(), exchange.parameter(0)));
  answer_receipt(exchange, receipt);
  co_return Result<void>{};
}

Task<void> unrestrict(Service& service, Exchange& exchange) {
  HF_CO_TRY(const std::uint64_t receipt, co_await service.trustee.unrestrict(exchange.caller(), exchange.parameter(0)));
  answer_receipt(exchange, receipt);
  co_return Result<void>{};
}

Task<void> erase(Service& service, Exchange& exchange) {
  HF_CO_TRY(const trustee::Erasure erasure, co_await service.trustee.erase(exchange.caller(), exchange.parameter(0)));
  exchange.set_field("Holdfast-Receipt", std::to_string(erasure.done));
  exchange.answer(200, kJson, fmt::format("{{\"asked\":{},\"done\":{}}}\n", erasure.asked, erasure.done));
  co_return Result<void>{};
}

}  // namespace

std::vector<Operation> subject_routes() {
  return {
      {{"GET", "/v1/subjects/{subject}/export"}, Audience::certificate, export_subject},
      {{"PUT", "/v1/subjects/{subject}/restriction"}, Audience::certificate, restrict},
      {{"DELETE", "/v1/subjects/{subject}/restriction"}, Audience::certificate, unrestrict},
      {{"DELETE", "/v1/subjects/{subject}"}, Audience::certificate, erase},
  };
}

}  // namespace holdfast::server
