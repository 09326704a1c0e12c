#include <fmt/format.h>

#include <boost/json/parse.hpp>

#include "base/json.h"
#include "server/routes.h"

namespace holdfast::server {
namespace {

Task<void> show_agreement(Service& service, Exchange& exchange) {
  HF_CO_TRY(std::string note, service.trustee.agreement_note());
  exchange.answer(200, kText, std::move(note));
  co_return Result<void>{};
}

Task<void> adopt(Service& service, Exchange& exchange) {
  HF_CO_CHECK(exchange.require_media("text/plain"));
  HF_CO_TRY(std::string note, co_await exchange.body());
  HF_CO_TRY(const std::uint64_t index, co_await service.trustee.adopt(exchange.caller(), std::move(note)));
  exchange.set_field("Holdfast-Receipt", std::to_string(index));
  exchange.answer(201, kJson, fmt::format("{{\"receipt\":{}}}\n", index));
  co_return Result<void>{};
}

Task<void> status(Service& service, Exchange& exchange) {
  HF_CO_TRY(std::string body, service.trustee.status(exchange.caller()));
  exchange.set_field("Cache-Control", "no-store");
  exchange.answer(200, kJson, std::move(body));
  co_return Result<void>{};
}

Task<void> rotate_root_key(Service& service, Exchange& exchange) {
  HF_CO_TRY(const std::uint64_t count, co_await service.trustee.rotate_root_key(exchange.caller()));
  exchange.answer(200, kJson, fmt::format("{{\"subjects\":{}}}\n", count));
  co_return Result<void>{};
}

struct BackupPlaces {
  std::string directory, keys_directory;
};

Result<BackupPlaces> parse_places(std::string_view body) {
  const auto wrong = [] {
    return fail(Code::invalid, "request.json", "",
                "expected {\"directory\": \"…\", \"keys_directory\": \"…\"}, absolute paths on the server");
  };
  boost::json::error_code error;
  const boost::json::value value = boost::json::parse(body, error);
  const auto* object = error ? nullptr : value.if_object();
  if (!object || object->size() != 2 || json_members(body) != 2) return wrong();
  const auto* directory = object->if_contains("directory");
  const auto* keys = object->if_contains("keys_directory");
  if (!directory || !keys || !directory->is_string() || !keys->is_string()) return wrong();
  BackupPlaces places{std::string(directory->get_string()), std::string(keys->get_string())};
  if (!places.directory.starts_with('/') || !places.keys_directory.starts_with('/')) return wrong();
  return places;
}

Task<void> backup(Service& service, Exchange& exchange) {
  HF_CO_CHECK(exchange.require_media(kJson));
  HF_CO_TRY(const std::string body, co_await exchange.body());
  HF_CO_TRY(BackupPlaces places, parse_places(body));
  HF_CO_CHECK(co_await service.trustee.backup(exchange.caller(), std::move(places.directory),
                                              std::move(places.keys_directory)));
  exchange.answer(204, "", "");
  co_return Result<void>{};
}

Result<std::uint64_t> index_of(const Exchange& exchange) {
  const auto index = parse_number(exchange.parameter(0));
  if (!index) return fail(Code::invalid, "request.index", "index", "expected the index of an entry, a whole number");
  return *index;
}

Task<void> receipt(Service& service, Exchange& exchange) {
  HF_CO_TRY(const std::uint64_t index, index_of(exchange));
  HF_CO_TRY(const evidence::TlogProof proof, service.trustee.log().proof(index));
  exchange.answer(200, kText, proof.encode());
  co_return Result<void>{};
}

Task<void> entry(Service& service, Exchange& exchange) {
  HF_CO_TRY(const std::uint64_t index, index_of(exchange));
  HF_CO_TRY(Bytes bytes, service.trustee.log().entry(index));
  exchange.answer(200, kJson, std::move(bytes));
  co_return Result<void>{};
}

}  // namespace

std::vector<Operation> governing_routes() {
  return {
      {{"GET", "/v1/agreement"}, Audience::certificate, show_agreement},
      {{"POST", "/v1/agreement"}, Audience::certificate, adopt},
      {{"GET", "/v1/status"}, Audience::certificate, status},
      {{"POST", "/v1/root-key/rotation"}, Audience::certificate, rotate_root_key},
      {{"POST", "/v1/backup"}, Audience::certificate, backup},
      {{"GET", "/v1/receipts/{index}"}, Audience::certificate, receipt},
      {{"GET", "/v1/entries/{index}"}, Audience::certificate, entry},
  };
}

}  // namespace holdfast::server
