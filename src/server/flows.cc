#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "server/batch_lines.h"
#include "server/problem.h"
#include "server/routes.h"

namespace holdfast::server {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kBatchSubjects = 1000;

std::chrono::microseconds since(steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - start);
}

Task<void> disclose(Service& service, Exchange& exchange) {
  const auto start = steady_clock::now();
  const std::string& flow = exchange.parameter(0);
  auto disclosed = co_await service.trustee.disclose(exchange.caller(), flow, exchange.parameter(1));
  if (!disclosed) co_return tl::unexpected<Error>(std::move(disclosed).error());
  service.metrics.observe_flow(flow, since(start));
  exchange.set_field("Holdfast-Receipt", std::to_string(disclosed->receipt));
  exchange.set_field("Holdfast-Salt", to_hex(disclosed->salt));
  exchange.set_field("Cache-Control", "no-store");
  if (disclosed->version) exchange.set_field("ETag", to_etag(*disclosed->version));
  exchange.answer(200, kJson, std::move(disclosed->payload));
  co_return Result<void>{};
}

Task<void> aggregate(Service& service, Exchange& exchange) {
  auto disclosed = co_await service.trustee.aggregate(exchange.caller(), exchange.parameter(0));
  if (!disclosed) co_return tl::unexpected<Error>(std::move(disclosed).error());
  exchange.set_field("Holdfast-Receipt", std::to_string(disclosed->receipt));
  exchange.set_field("Holdfast-Salt", to_hex(disclosed->salt));
  if (disclosed->renews_at) exchange.set_field("Holdfast-Renews-At", to_rfc3339(*disclosed->renews_at));
  exchange.set_field("Cache-Control", "no-store");
  exchange.answer(200, kJson, std::move(disclosed->payload));
  co_return Result<void>{};
}

/// One line that came in: what it asks for, or why not.
struct BatchRequest {
  std::uint64_t line = 0;
  Result<std::string> subject;
};

void append_error(std::string& out, const Error& error) {
  fmt::format_to(std::back_inserter(out), R"("error":{{"status":{},"code":"{}","detail":{}}}}})",
                 status_of(error, false), error.slug, json_string(error.what));
  out.push_back('\n');
}

void append_item(std::string& out, const trustee::BatchItem& item) {
  out.append(R"({"subject":)").append(json_string(item.subject)).push_back(',');
  if (!item.disclosure) return append_error(out, item.disclosure.error());
  fmt::format_to(std::back_inserter(out), R"("receipt":{},"salt":"{}","data":{}}})", item.disclosure->receipt,
                 to_hex(item.disclosure->salt), item.disclosure->payload);
  out.push_back('\n');
}

/// When nothing of the flow is open to this caller, the request as a whole is refused.
const Error* common_refusal(const std::vector<trustee::BatchItem>& items) {
  if (items.empty()) return nullptr;
  for (const auto& item : items) {
    if (item.disclosure) return nullptr;
    const Error& error = item.disclosure.error();
    const bool of_caller =
        error.slug.starts_with("flow.") || error.slug.starts_with("caller.") || error.slug.starts_with("agreement.");
    if (!of_caller || error.slug != items.front().disclosure.error().slug) return nullptr;
  }
  return &items.front().disclosure.error();
}

/// Up to kBatchSubjects of a batch: asked for under one sync, answered in the order in which they came.
Task<void> answer_lines(Service& service, Exchange& exchange, std::vector<BatchRequest> requests) {
  std::vector<std::string> subjects;
  for (BatchRequest& request : requests) {
    if (request.subject) subjects.push_back(std::move(*request.subject));
  }
  std::vector<trustee::BatchItem> items;
  if (!subjects.empty()) {
    items = co_await service.trustee.disclose_batch(exchange.caller(), exchange.parameter(0), std::move(subjects));
  }
  if (exchange.state() == Exchange::State::open) {
    if (const Error* refusal = common_refusal(items)) co_return tl::unexpected<Error>(*refusal);
    exchange.set_field("Cache-Control", "no-store");
    HF_CO_CHECK(co_await exchange.begin_stream(kNdjson));
  }
  std::string out;
  auto item = items.begin();
  for (const BatchRequest& request : requests) {
    if (request.subject) {
      HF_ASSERT(item != items.end());
      append_item(out, *item++);
    } else {
      fmt::format_to(std::back_inserter(out), R"({{"line":{},)", request.line);
      append_error(out, request.subject.error());
    }
    if (out.size() < kPieceBytes) continue;
    HF_CO_CHECK(co_await exchange.send(out));
    out.clear();
  }
  co_return co_await exchange.send(out);
}

BatchRequest read_line(const LineSplitter::Line& line) {
  if (!line.too_long) return {line.number, parse_batch_line(line.text)};
  return {line.number, fail(Code::invalid, "batch.line", "", fmt::format("longer than {} bytes", kBatchLineBytesMax))};
}

Task<void> batch(Service& service, Exchange& exchange) {
  HF_CO_CHECK(exchange.require_media(kNdjson));
  LineSplitter lines;
  std::vector<BatchRequest> waiting;
  for (bool ended = false; !ended;) {
    HF_CO_TRY(const std::string piece, co_await exchange.piece());
    ended = piece.empty();
    lines.feed(piece);
    if (ended) lines.finish();
    while (const auto line = lines.next()) {
      waiting.push_back(read_line(*line));
      if (waiting.size() < kBatchSubjects) continue;
      HF_CO_CHECK(co_await answer_lines(service, exchange, std::move(waiting)));
      waiting = {};
    }
    // What has come is answered before more is waited for: a caller may send the next line when it has read the last.
    const bool nothing = ended && exchange.state() == Exchange::State::open;
    if (waiting.empty() && !nothing) continue;
    HF_CO_CHECK(co_await answer_lines(service, exchange, std::move(waiting)));
    waiting = {};
  }
  co_return Result<void>{};
}

}  // namespace

std::vector<Operation> flow_routes() {
  return {
      {{"GET", "/v1/flows/{flow}/subjects/{subject}"}, Audience::certificate, disclose},
      {{"POST", "/v1/flows/{flow}/batch"}, Audience::certificate, batch},
      {{"GET", "/v1/flows/{flow}/aggregate"}, Audience::certificate, aggregate},
  };
}

}  // namespace holdfast::server
