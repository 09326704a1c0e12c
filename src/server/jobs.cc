#include <fmt/format.h>

#include <boost/json/parse.hpp>

#include "base/json.h"
#include "server/routes.h"

namespace holdfast::server {
namespace {

Result<std::uint64_t> id_of(const Exchange& exchange) {
  const auto id = parse_number(exchange.parameter(0));
  if (!id) return fail(Code::invalid, "request.index", "job", "expected the name of a job, a whole number");
  return *id;
}

Result<std::string> parse_flow(std::string_view body) {
  boost::json::error_code error;
  const boost::json::value value = boost::json::parse(body, error);
  const auto* object = error ? nullptr : value.if_object();
  const auto* flow = object && object->size() == 1 && json_members(body) == 1 ? object->if_contains("flow") : nullptr;
  if (flow && flow->is_string()) return std::string(flow->get_string());
  return fail(Code::invalid, "request.json", "", "expected {\"flow\": \"…\"}, a flow that makes a product");
}

Task<void> start(Service& service, Exchange& exchange) {
  HF_CO_CHECK(exchange.require_media(kJson));
  HF_CO_TRY(const std::string body, co_await exchange.body());
  HF_CO_TRY(std::string flow, parse_flow(body));
  HF_CO_TRY(const std::uint64_t job, co_await service.trustee.start_job(exchange.caller(), std::move(flow)));
  exchange.set_field("Holdfast-Receipt", std::to_string(job));
  exchange.set_field("Location", fmt::format("/v1/jobs/{}", job));
  exchange.answer(201, kJson, fmt::format("{{\"job\":{}}}\n", job));
  co_return Result<void>{};
}

Task<void> list(Service& service, Exchange& exchange) {
  HF_CO_TRY(std::string body, service.trustee.jobs(exchange.caller()));
  exchange.set_field("Cache-Control", "no-store");
  exchange.answer(200, kJson, std::move(body));
  co_return Result<void>{};
}

Task<void> show(Service& service, Exchange& exchange) {
  HF_CO_TRY(const std::uint64_t id, id_of(exchange));
  HF_CO_TRY(std::string body, service.trustee.job(exchange.caller(), id));
  exchange.set_field("Cache-Control", "no-store");
  exchange.answer(200, kJson, std::move(body));
  co_return Result<void>{};
}

Task<void> cancel(Service& service, Exchange& exchange) {
  HF_CO_TRY(const std::uint64_t id, id_of(exchange));
  HF_CO_TRY(const std::uint64_t receipt, co_await service.trustee.cancel_job(exchange.caller(), id));
  exchange.set_field("Holdfast-Receipt", std::to_string(receipt));
  exchange.answer(200, kJson, fmt::format("{{\"receipt\":{}}}\n", receipt));
  co_return Result<void>{};
}

}  // namespace

std::vector<Operation> job_routes() {
  return {
      {{"POST", "/v1/jobs"}, Audience::certificate, start},
      {{"GET", "/v1/jobs"}, Audience::certificate, list},
      {{"GET", "/v1/jobs/{job}"}, Audience::certificate, show},
      {{"DELETE", "/v1/jobs/{job}"}, Audience::certificate, cancel},
  };
}

}  // namespace holdfast::server
