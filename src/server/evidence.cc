#include "server/routes.h"

namespace holdfast::server {
namespace {

constexpr std::string_view kImmutable = "public, max-age=31536000, immutable";

Task<void> checkpoint(Service& service, Exchange& exchange) {
  HF_CO_TRY(std::string note, service.trustee.log().checkpoint());
  exchange.set_field("Cache-Control", "no-cache");
  exchange.answer(200, kText, std::move(note));
  co_return Result<void>{};
}

Task<void> tile(Service& service, Exchange& exchange) {
  const auto id = evidence::TileId::parse("tile/" + exchange.parameter(0));
  if (!id) co_return fail(Code::not_found, "evidence.tile.path", "", "no tile has this path");
  HF_CO_TRY(Bytes bytes, service.trustee.log().tile(*id));
  exchange.set_field("Cache-Control", kImmutable);
  exchange.answer(200, "application/octet-stream", std::move(bytes));
  co_return Result<void>{};
}

Task<void> agreement(Service& service, Exchange& exchange) {
  HF_CO_TRY(std::string note, service.trustee.agreement_note(exchange.parameter(0)));
  exchange.set_field("Cache-Control", kImmutable);
  exchange.answer(200, kText, std::move(note));
  co_return Result<void>{};
}

Task<void> statement(Service& service, Exchange& exchange) {
  HF_CO_TRY(std::string envelope, service.trustee.module_statement(exchange.parameter(0)));
  exchange.set_field("Cache-Control", kImmutable);
  exchange.answer(200, kJson, std::move(envelope));
  co_return Result<void>{};
}

Task<void> verifier_key(Service& service, Exchange& exchange) {
  exchange.answer(200, kText, service.trustee.log().key().text() + "\n");
  co_return Result<void>{};
}

}  // namespace

std::vector<Operation> evidence_routes() {
  return {
      {{"GET", "/log/checkpoint"}, Audience::anyone_plain, checkpoint},
      {{"GET", "/log/tile/{path...}"}, Audience::anyone_plain, tile},
      {{"GET", "/log/agreement/{hash}"}, Audience::anyone_plain, agreement},
      {{"GET", "/log/statement/{hash}"}, Audience::anyone_plain, statement},
      {{"GET", "/log/log.vkey"}, Audience::anyone_plain, verifier_key},
  };
}

}  // namespace holdfast::server
