#include <fmt/format.h>

#include <boost/beast/http/field.hpp>

#include "server/problem.h"
#include "server/routes.h"

namespace holdfast::server {
namespace {

namespace http = boost::beast::http;

Result<vault::Expect> expectation(const Exchange& exchange) {
  const bool at = exchange.has_field(http::field::if_match), absent = exchange.has_field(http::field::if_none_match);
  if (at && absent) {
    return fail(Code::invalid, "request.precondition", "If-Match", "send If-Match or If-None-Match, not both");
  }
  if (absent && exchange.field(http::field::if_none_match) != "*") {
    return fail(Code::invalid, "request.precondition", "If-None-Match", "only \"If-None-Match: *\" is taken");
  }
  if (absent) return vault::Expect::absent();
  if (!at) return vault::Expect::anything();
  const auto version = parse_etag(exchange.field(http::field::if_match));
  if (!version) {
    return fail(Code::invalid, "request.precondition", "If-Match", "expected one ETag as it was answered, like \"12\"");
  }
  return vault::Expect::at(*version);
}

Result<std::optional<std::string>> idempotency_key(const Exchange& exchange) {
  constexpr std::string_view kField = "Idempotency-Key";
  const std::string_view given = exchange.field(kField);
  if (given.data() == nullptr) return std::optional<std::string>();
  HF_TRY(std::string key, parse_idempotency_key(given));
  return std::optional<std::string>(std::move(key));
}

std::string_view name_of(trustee::Deposit::Outcome outcome) {
  static constexpr std::string_view kNames[] = {"created", "replaced", "unchanged"};
  return kNames[static_cast<std::size_t>(outcome)];
}

void answer_deposit(Exchange& exchange, const trustee::Deposit& deposit) {
  std::string body = fmt::format(R"({{"outcome":"{}")", name_of(deposit.outcome));
  if (deposit.version != 0) {
    exchange.set_field("ETag", to_etag(deposit.version));
    fmt::format_to(std::back_inserter(body), R"(,"version":{})", deposit.version);
  }
  if (deposit.receipt != 0) {  // entry 0 is the first adoption, never a deposit
    exchange.set_field("Holdfast-Receipt", std::to_string(deposit.receipt));
    fmt::format_to(std::back_inserter(body), R"(,"receipt":{})", deposit.receipt);
  }
  body += "}\n";
  exchange.answer(deposit.outcome == trustee::Deposit::Outcome::created ? 201 : 200, kJson, std::move(body));
}

Task<void> put_record(Service& service, Exchange& exchange) {
  HF_CO_CHECK(exchange.require_media(kJson));
  HF_CO_TRY(const vault::Expect expect, expectation(exchange));
  HF_CO_TRY(std::optional<std::string> key, idempotency_key(exchange));
  HF_CO_TRY(std::string body, co_await exchange.body());
  HF_CO_TRY(const trustee::Deposit deposit,
            co_await service.trustee.put_record(exchange.caller(), exchange.parameter(0), exchange.parameter(1),
                                                std::move(body), expect, std::move(key)));
  answer_deposit(exchange, deposit);
  co_return Result<void>{};
}

Task<void> append_row(Service& service, Exchange& exchange) {
  HF_CO_CHECK(exchange.require_media(kJson));
  // It would look like a guard, and guard nothing: a row is never replaced.
  if (exchange.is_conditional()) {
    co_return fail(Code::invalid, "request.precondition", "If-Match",
                   "a record under a key is never replaced, so it takes no If-Match and no If-None-Match");
  }
  HF_CO_TRY(std::optional<std::string> key, idempotency_key(exchange));
  HF_CO_TRY(std::string body, co_await exchange.body());
  HF_CO_TRY(const trustee::Deposit deposit,
            co_await service.trustee.append_row(exchange.caller(), exchange.parameter(0), exchange.parameter(1),
                                                exchange.parameter(2), std::move(body), std::move(key)));
  answer_deposit(exchange, deposit);
  co_return Result<void>{};
}

std::string to_json(const trustee::ImportSummary& summary) {
  std::string out = fmt::format(R"({{"rows":{},"accepted":{},"unchanged":{},"rejected":{})", summary.rows,
                                summary.accepted, summary.unchanged, summary.rejected);
  if (summary.last_receipt > 0) {  // entry 0 is the first adoption
    fmt::format_to(std::back_inserter(out), R"(,"first_receipt":{},"last_receipt":{})", summary.first_receipt,
                   summary.last_receipt);
  }
  out += R"(,"errors":[)";
  for (const auto& problem : summary.problems) {
    if (out.back() != '[') out.push_back(',');
    fmt::format_to(std::back_inserter(out), R"({{"line":{},"field":{},"code":{},"detail":{}}})", problem.line,
                   json_string(problem.field), json_string(problem.code), json_string(problem.detail));
  }
  return out + "]}\n";
}

Task<void> import_rows(Service& service, Exchange& exchange) {
  HF_CO_CHECK(exchange.require_media(kNdjson, kCsv));
  const bool csv = media_type(exchange.field(http::field::content_type)) == kCsv;
  HF_CO_TRY(std::optional<std::string> key, idempotency_key(exchange));
  const auto format = csv ? trustee::ImportFormat::csv : trustee::ImportFormat::ndjson;
  HF_CO_TRY(std::unique_ptr<trustee::Import> import,
            service.trustee.import(exchange.caller(), exchange.parameter(0), format, std::move(key)));
  while (true) {
    HF_CO_TRY(std::string piece, co_await exchange.piece());
    if (piece.empty()) break;
    HF_CO_CHECK(co_await import->write(std::move(piece)));  // waits while the vault is behind, and so does the caller
  }
  HF_CO_TRY(const trustee::ImportSummary summary, co_await import->finish());
  exchange.answer(200, kJson, to_json(summary));
  co_return Result<void>{};
}

}  // namespace

std::vector<Operation> collection_routes() {
  return {
      {{"PUT", "/v1/collections/{collection}/subjects/{subject}"}, Audience::certificate, put_record},
      {{"POST", "/v1/collections/{collection}/subjects/{subject}/records/{key}"}, Audience::certificate, append_row},
      {{"POST", "/v1/collections/{collection}/import"}, Audience::certificate, import_rows},
  };
}

}  // namespace holdfast::server
