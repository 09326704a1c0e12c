#include <fmt/format.h>

#include "server/routes.h"
#include "trustee/modules/submission.h"

namespace holdfast::server {
namespace {

/// Envelopes have a bound of their own in the room that reads them; this one is of what is taken in at all.
constexpr std::size_t kEnvelopeBodyBytesMax = 512u << 10;

Task<void> list(Service& service, Exchange& exchange) {
  HF_CO_TRY(std::string body, service.trustee.modules(exchange.caller()));
  exchange.set_field("Cache-Control", "no-store");
  exchange.answer(200, kJson, std::move(body));
  co_return Result<void>{};
}

Task<void> show(Service& service, Exchange& exchange) {
  HF_CO_TRY(std::string body, co_await service.trustee.show_module(exchange.caller(), exchange.parameter(0)));
  exchange.set_field("Cache-Control", "no-store");
  exchange.answer(200, kJson, std::move(body));
  co_return Result<void>{};
}

void answer_receipt(Exchange& exchange, unsigned status, std::uint64_t index) {
  exchange.set_field("Holdfast-Receipt", std::to_string(index));
  exchange.answer(status, kJson, fmt::format("{{\"receipt\":{}}}\n", index));
}

Task<void> submit(Service& service, Exchange& exchange) {
  HF_CO_CHECK(exchange.require_media(kJson));
  if (exchange.caller().kind != trustee::Caller::Kind::party) {
    co_return fail(Code::refused, "caller.party", "", "a module is submitted by a party, not by a subject");
  }
  HF_CO_TRY(std::string body, co_await exchange.body(trustee::kSubmissionBytesMax));
  HF_CO_TRY(const std::uint64_t index, co_await service.trustee.submit_module(exchange.caller(), std::move(body)));
  answer_receipt(exchange, 201, index);
  co_return Result<void>{};
}

Task<void> release(Service& service, Exchange& exchange) {
  HF_CO_CHECK(exchange.require_media(kJson));
  HF_CO_TRY(std::string envelope, co_await exchange.body(kEnvelopeBodyBytesMax));
  HF_CO_TRY(const std::uint64_t index,
            co_await service.trustee.release_module(exchange.caller(), exchange.parameter(0), std::move(envelope)));
  answer_receipt(exchange, 201, index);
  co_return Result<void>{};
}

Task<void> withdraw(Service& service, Exchange& exchange) {
  HF_CO_TRY(const std::uint64_t index,
            co_await service.trustee.withdraw_module(exchange.caller(), exchange.parameter(0)));
  answer_receipt(exchange, 200, index);
  co_return Result<void>{};
}

}  // namespace

std::vector<Operation> module_routes() {
  return {
      {{"GET", "/v1/modules"}, Audience::certificate, list},
      {{"POST", "/v1/modules"}, Audience::certificate, submit},
      {{"GET", "/v1/modules/{hash}"}, Audience::certificate, show},
      {{"DELETE", "/v1/modules/{hash}"}, Audience::certificate, withdraw},
      {{"POST", "/v1/modules/{hash}/release"}, Audience::certificate, release},
  };
}

}  // namespace holdfast::server
